// What is kept of a picture while it is computed.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "network.h"

namespace rrdb {

// Hands out zeroed memory aligned to 64 bytes, all of it from one block. Without a block it only counts what is needed.
class Arena {
 public:
  explicit Arena(unsigned char* block) : block_(block) {}

  template <class T>
  T* take(size_t count) {
    const size_t offset = used_;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return block_ ? reinterpret_cast<T*>(block_ + offset) : nullptr;
  }

  size_t used() const { return used_; }

 private:
  unsigned char* block_;
  size_t used_ = 0;
};

// Activations, int16 [rows][columns][channels], with a border of zeros: rows and columns count from -1.
struct Plane {
  int16_t* data = nullptr;
  int columns = 0;  // stored, border included
  int channels = 0;
  int mask = -1;  // a ring of rows where it is not -1

  int16_t* at(int row, int column) const {
    const size_t stored = mask < 0 ? row + 1 : row & mask;
    return data + (stored * columns + column + 1) * channels;
  }
};

// Columns and rows are counted up to whole tiles of 2×2, and one more as a border.
inline Plane take_plane(Arena& arena, int rows, int columns, int channels) {
  Plane plane;
  plane.columns = (columns + 1) / 2 * 2 + 2;
  plane.channels = channels;
  plane.data = arena.take<int16_t>(static_cast<size_t>((rows + 1) / 2 * 2 + 2) * plane.columns * channels);
  return plane;
}

inline Plane take_ring(Arena& arena, int rows, int columns, int channels) {
  Plane plane;
  plane.columns = (columns + 1) / 2 * 2 + 2;
  plane.channels = channels;
  plane.mask = rows - 1;
  plane.data = arena.take<int16_t>(static_cast<size_t>(rows) * plane.columns * channels);
  return plane;
}

// Rows of the doubled and again doubled picture that are made at a time, counted in rows of the small one.
constexpr int kBand = 16;

struct Picture {
  int height, width;          // of what the body works on
  float* first;               // [height][width][kFeatures], what the first convolution gave
  float* stream;              // the same shape: what dense blocks add to
  float* outer;               // the same shape: what goes around three of them
  Plane activations;          // the stream as int16, scaled for whom it is read by
  Plane growths[kDense - 1];  // rings of 8 rows
  uint8_t* values[kDense];    // rings of rows of groups in the Winograd domain
  Plane features;             // what is doubled
  Plane bands[3];             // doubled, twice doubled, and that once more convolved; kBand rows and a margin

  Picture(Arena& arena, int rows, int columns);
};

// Rows of tiles that are kept of each input of a dense block in the Winograd domain, until its last convolution has
// read them: body.cc.
constexpr int kKept[kDense] = {9, 7, 5, 3, 1};

}  // namespace rrdb
