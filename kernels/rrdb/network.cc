#include "network.h"

#include <stdlib.h>
#include <string.h>

namespace rrdb {
namespace {

constexpr char kMagic[] = "LIMRRDB1";
constexpr size_t kAlignment = 64;
constexpr uint32_t kMostBlocks = 1024;

struct Header {
  char magic[8];
  uint32_t fold;
  uint32_t blocks;
  uint32_t reserved[12];
};
static_assert(sizeof(Header) == kAlignment, "sections begin at multiples of 64 bytes");

// Hands out the sections one after the other; once one does not fit, none does.
class Cursor {
 public:
  Cursor(const unsigned char* data, size_t size) : next_(data), left_(size) {}

  template <class T>
  const T* take(size_t count) {
    const size_t bytes = (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    if (bytes > left_) {
      failed_ = true;
      left_ = 0;
      return nullptr;
    }
    const T* section = reinterpret_cast<const T*>(next_);
    next_ += bytes;
    left_ -= bytes;
    return section;
  }

  bool ended_well() const { return !failed_ && left_ == 0; }

 private:
  const unsigned char* next_;
  size_t left_;
  bool failed_ = false;
};

Filter take_filter(Cursor& cursor, int taps, int inputs) {
  Filter filter;
  filter.weights = cursor.take<int8_t>(static_cast<size_t>(taps) * inputs * kOutputs);
  filter.offset = cursor.take<int32_t>(taps * kOutputs);
  filter.scale = cursor.take<float>(taps * kOutputs);
  filter.bias = cursor.take<float>(kOutputs);
  return filter;
}

Layer take_layer(Cursor& cursor, int taps) {
  Layer layer;
  for (WideFilter& filter : layer.filters) {
    filter.weights = cursor.take<int16_t>(taps * kFeatures * kOutputs);
    filter.scale = cursor.take<float>(taps * kOutputs);
    filter.bias = cursor.take<float>(kOutputs);
  }
  return layer;
}

DenseBlock take_dense(Cursor& cursor) {
  DenseBlock block;
  block.scale = cursor.take<float>(kFeatures);
  for (int i = 0; i < kDense; ++i) block.multipliers[i] = cursor.take<int16_t>(kTaps * (i ? kGrowth : kFeatures));
  for (int i = 0; i < kDense - 1; ++i) block.growth[i] = take_filter(cursor, kTaps, kFeatures + i * kGrowth);
  for (Filter& filter : block.last) filter = take_filter(cursor, kTaps, kFeatures + (kDense - 1) * kGrowth);
  return block;
}

}  // namespace

Network* read_network(const unsigned char* data, size_t size) {
  Cursor cursor(data, size);
  const Header* header = cursor.take<Header>(1);
  if (!header || reinterpret_cast<uintptr_t>(data) % kAlignment || memcmp(header->magic, kMagic, sizeof header->magic))
    return nullptr;
  if ((header->fold != 1 && header->fold != 2) || header->blocks > kMostBlocks) return nullptr;
  auto* network = static_cast<Network*>(calloc(1, sizeof(Network)));
  auto* dense = static_cast<DenseBlock*>(calloc(header->blocks + 1, sizeof(DenseBlock)));
  if (network && dense) {
    network->fold = static_cast<int>(header->fold);
    network->blocks = static_cast<int>(header->blocks);
    network->first_weights = cursor.take<float>(static_cast<size_t>(9) * network->inputs() * kFeatures);
    network->first_bias = cursor.take<float>(kFeatures);
    for (int i = 0; i < network->blocks; ++i) dense[i] = take_dense(cursor);
    network->body_scale = cursor.take<float>(kFeatures);
    network->body = take_layer(cursor, kTaps);
    network->up_scale = cursor.take<float>(kFeatures);
    for (Layer& layer : network->up) layer = take_layer(cursor, kUpTaps);
    network->high = take_layer(cursor, kTaps);
    network->last_weights = cursor.take<int16_t>(9 * 3 * kFeatures);
    network->last_scale = cursor.take<float>(16);
    network->last_bias = cursor.take<float>(16);
    network->dense = dense;
    if (cursor.ended_well()) return network;
  }
  free(network);
  free(dense);
  return nullptr;
}

void free_network(Network* network) {
  if (network) free(const_cast<DenseBlock*>(network->dense));
  free(network);
}

}  // namespace rrdb
