#include "picture.h"

#include "winograd.h"

namespace rrdb {

Picture::Picture(Arena& arena, int rows, int columns) : height(rows), width(columns) {
  const size_t floats = static_cast<size_t>(rows) * columns * kFeatures;
  first = arena.take<float>(floats);
  stream = arena.take<float>(floats);
  outer = arena.take<float>(floats);
  activations = take_plane(arena, rows, columns, kFeatures);
  const size_t groups = groups_of((columns + 1) / 2);
  for (int i = 0; i < kDense; ++i) {
    const int channels = i ? kGrowth : kFeatures;
    if (i) growths[i - 1] = take_ring(arena, 8, columns, channels);
    values[i] = arena.take<uint8_t>(kKept[i] * groups * kTaps * kGroup * channels);
  }
  features = take_plane(arena, rows, columns, kFeatures);
  const int band = rows < kBand ? rows : kBand;
  bands[0] = take_plane(arena, 2 * band + 8, 2 * columns, kFeatures);
  bands[1] = take_plane(arena, 4 * band + 8, 4 * columns, kFeatures);
  bands[2] = take_plane(arena, 4 * band + 4, 4 * columns, kFeatures);
}

}  // namespace rrdb
