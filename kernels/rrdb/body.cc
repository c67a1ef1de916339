// Dense blocks: five convolutions, each reading the stream and what all before it gave.
//
// They run at once, one row of tiles after the other: in a step, convolution k works two rows of tiles behind
// convolution k - 1, whose rows above and below it needs. So only a few rows of each growth exist at a time, and stay
// in the cache, and the convolutions of a step wait for nothing but the step before.
#include <string.h>

#include "steps.h"
#include "winograd.h"

namespace rrdb {
namespace {

// One group of tiles of one convolution.
struct Task {
  const DenseBlock& block;
  const Picture& picture;
  int row;    // of tiles
  int group;  // in that row

  int first_tile() const { return group * kGroup; }
  int tiles() const {
    const int left = (picture.width + 1) / 2 - first_tile();
    return left < kGroup ? left : kGroup;
  }

  uint8_t* values_of(int input) const {
    const size_t channels = input ? kGrowth : kFeatures;
    const size_t groups = groups_of((picture.width + 1) / 2);
    return picture.values[input] + ((row % kKept[input]) * groups + group) * kTaps * kGroup * channels;
  }

  template <int Channels>
  void transform(int input) const {
    const Plane& plane = input ? picture.growths[input - 1] : picture.activations;
    const int16_t* rows[4];
    for (int i = 0; i < 4; ++i) rows[i] = plane.at(2 * row - 1 + i, 2 * first_tile() - 1);
    transform_input(rows, tiles(), Narrow<Channels>{block.multipliers[input], values_of(input)});
  }

  // Growth number `Number` from the stream and the growths before it; what lies outside the picture becomes 0.
  template <int Number>
  void grow() const {
    const uint8_t* values[kDense];
    for (int i = 0; i <= Number; ++i) values[i] = values_of(i);
    const Filter& filter = block.growth[Number];
    Sums sums;
    multiply(DenseInputs<Number>{values, filter}, tiles(), sums);
    const Plane& target = picture.growths[Number];
    for (int i = 0; i < tiles(); ++i) {
      for (int channel = 0; channel < kGrowth; channel += 16) {
        const Outputs outputs = transform_output<4>(sums, filter.bias, i, channel);
        for (int y = 0; y < 2; ++y) {
          for (int x = 0; x < 2; ++x) {
            const int pixel_row = 2 * row + y, column = 2 * (first_tile() + i) + x;
            const bool inside = pixel_row < picture.height && column < picture.width;
            const __m512 value = inside ? leaky_relu(outputs.at[y][x]) : _mm512_setzero_ps();
            store_int16(target.at(pixel_row, column) + channel, value);
          }
        }
      }
    }
  }

  // The row of zeros above or below the picture.
  void clear(int number, int pixel_row) const {
    const Plane& target = picture.growths[number];
    memset(target.at(pixel_row, 2 * first_tile()), 0, sizeof(int16_t) * 2 * tiles() * kGrowth);
  }

  // The last convolution, whose result is added to the stream. The published factors of 0.2 are in the weights for
  // the block itself, and here for the three blocks of a residual.
  template <bool Closes>
  void add(const float* next) const {
    const uint8_t* values[kDense];
    for (int i = 0; i < kDense; ++i) values[i] = values_of(i);
    for (int half = 0; half < 2; ++half) {
      const Filter& filter = block.last[half];
      Sums sums;
      multiply(DenseInputs<kDense - 1>{values, filter}, tiles(), sums);
      for (int i = 0; i < tiles(); ++i) {
        for (int lane = 0; lane < kOutputs; lane += 16) {
          const int channel = half * kOutputs + lane;
          const Outputs outputs = transform_output<4>(sums, filter.bias, i, lane);
          const __m512 scale = _mm512_loadu_ps(next + channel);
          for (int y = 0; y < 2; ++y)
            for (int x = 0; x < 2; ++x)
              add_pixel<Closes>(2 * row + y, 2 * (first_tile() + i) + x, channel, outputs.at[y][x], scale);
        }
      }
    }
  }

  template <bool Closes>
  void add_pixel(int pixel_row, int column, int channel, __m512 value, __m512 scale) const {
    if (pixel_row >= picture.height || column >= picture.width) return;
    const size_t place = (static_cast<size_t>(pixel_row) * picture.width + column) * kFeatures + channel;
    __m512 sum = _mm512_add_ps(_mm512_load_ps(picture.stream + place), value);
    if (Closes) {
      sum = _mm512_fmadd_ps(sum, _mm512_set1_ps(0.2f), _mm512_load_ps(picture.outer + place));
      _mm512_store_ps(picture.outer + place, sum);
    }
    _mm512_store_ps(picture.stream + place, sum);
    store_int16(picture.activations.at(pixel_row, column) + channel, _mm512_mul_ps(sum, scale));
  }
};

template <int Number>
void grow_or_clear(const Task& task, int rows) {
  if (task.row < 0 || task.row >= rows) {
    task.clear(Number, task.row < 0 ? -1 : 2 * rows);
    return;
  }
  task.transform<Number ? kGrowth : kFeatures>(Number);
  task.grow<Number>();
}

}  // namespace

void dense_block(Team& team, const DenseBlock& block, const Picture& picture, bool closes_residual, const float* next) {
  const int rows = (picture.height + 1) / 2;
  const int groups = groups_of((picture.width + 1) / 2);
  constexpr int kLag = 2;
  // From the row above the picture, which is zero, to the last row of the last convolution.
  for (int step = -1; step < rows + kLag * (kDense - 1); ++step) {
    const auto row_of = [&](int number) { return step - kLag * number; };
    int active[kDense], count = 0;
    for (int number = kDense - 1; number >= 0; --number) {  // the longest first
      const int row = row_of(number);
      const bool last = number == kDense - 1;
      if (row >= (last ? 0 : -1) && row < rows + (last ? 0 : 1)) active[count++] = number;
    }
    team.share(count * groups, [&](int item) {
      const int number = active[item / groups];
      const Task task{block, picture, row_of(number), item % groups};
      switch (number) {
        case 0:
          return grow_or_clear<0>(task, rows);
        case 1:
          return grow_or_clear<1>(task, rows);
        case 2:
          return grow_or_clear<2>(task, rows);
        case 3:
          return grow_or_clear<3>(task, rows);
        default:
          task.transform<kGrowth>(kDense - 1);
          return closes_residual ? task.add<true>(next) : task.add<false>(next);
      }
    });
  }
}

}  // namespace rrdb
