// What follows the dense blocks: a convolution, the shortcut around the body, twice a doubling with a convolution, two
// convolutions more. At four times the size nothing is kept but a band of rows.
#include "steps.h"
#include "winograd.h"

namespace rrdb {
namespace {

struct Span {
  int begin, end;

  int length() const { return end - begin; }
};

Span clipped(Span span, int end) { return {span.begin < 0 ? 0 : span.begin, span.end > end ? end : span.end}; }

// A plane that holds the rows of a picture from `begin` on.
struct Rows {
  const Plane& plane;
  int begin;

  int16_t* at(int row, int column) const { return plane.at(row - begin, column); }
};

// Runs body(row, first tile, tiles) for each group of each row.
template <class Body>
void share_groups(Team& team, Span rows, int tiles, const Body& body) {
  const int groups = groups_of(tiles);
  team.share(rows.length() * groups, [&](int item) {
    const int first = item % groups * kGroup;
    body(rows.begin + item / groups, first, tiles - first < kGroup ? tiles - first : kGroup);
  });
}

// What is convolved to tiles of 2×2 pixels: tiles of the picture as it is, or each pixel of it doubled.
struct AsItIs {
  static constexpr int kLength = 4;

  static void transform(const Rows& source, int row, int first, int count, const Wide& target) {
    const int16_t* rows[4];
    for (int i = 0; i < 4; ++i) rows[i] = source.at(2 * row - 1 + i, 2 * first - 1);
    transform_input(rows, count, target);
  }
};

struct Doubled {
  static constexpr int kLength = 3;

  static void transform(const Rows& source, int row, int first, int count, const Wide& target) {
    const int16_t* rows[3];
    for (int i = 0; i < 3; ++i) rows[i] = source.at(row - 1 + i, first - 1);
    transform_doubled(rows, count, target);
  }
};

// Convolves `count` of them from `first` on: write(pixel row, column, channel, 16 values).
template <class Input, class Write>
void convolve_group(const Layer& layer, const Rows& source, int row, int first, int count, const Write& write) {
  constexpr int kLength = Input::kLength, kPositions = kLength * kLength;
  alignas(64) int16_t values[kPositions * kGroup * kFeatures];
  Input::transform(source, row, first, count, Wide{values});
  for (int half = 0; half < 2; ++half) {
    const WideFilter& filter = layer.filters[half];
    Sums sums;
    multiply(WideInputs{values, filter, kPositions}, count, sums);
    for (int i = 0; i < count; ++i) {
      for (int lane = 0; lane < kOutputs; lane += 16) {
        const Outputs outputs = transform_output<kLength>(sums, filter.bias, i, lane);
        for (int y = 0; y < 2; ++y)
          for (int x = 0; x < 2; ++x) write(2 * row + y, 2 * (first + i) + x, half * kOutputs + lane, outputs.at[y][x]);
      }
    }
  }
}

// A layer whose result goes through the activation, from one band to the next.
template <class Input>
void convolve_band(Team& team, const Layer& layer, const Rows& source, const Rows& target, Span rows, int count) {
  share_groups(team, rows, count, [&](int row, int first, int tiles) {
    convolve_group<Input>(layer, source, row, first, tiles, [&](int y, int x, int channel, __m512 value) {
      store_int16(target.at(y, x) + channel, leaky_relu(value));
    });
  });
}

// The rows above and below the picture, as far as they lie next to `filled` rows of a band.
void clear_border(Team& team, const Rows& rows, Span filled, int height) {
  team.share(1, [&](int) {
    const auto clear = [&](int row) {
      __builtin_memset(rows.at(row, -1), 0, sizeof(int16_t) * rows.plane.columns * kFeatures);
    };
    if (filled.begin == 0) clear(-1);
    if (filled.end == height) clear(height);
  });
}

void convolve_body(Team& team, const Network& network, const Picture& picture, const Plane& target) {
  const int height = picture.height, width = picture.width;
  const Rows source{picture.activations, 0};
  share_groups(team, {0, (height + 1) / 2}, (width + 1) / 2, [&](int row, int first, int tiles) {
    convolve_group<AsItIs>(network.body, source, row, first, tiles, [&](int y, int x, int channel, __m512 value) {
      if (y >= height || x >= width) return;
      const size_t place = (static_cast<size_t>(y) * width + x) * kFeatures + channel;
      const __m512 sum = _mm512_add_ps(_mm512_load_ps(picture.first + place), value);
      store_int16(target.at(y, x) + channel, _mm512_mul_ps(sum, _mm512_load_ps(network.up_scale + channel)));
    });
  });
}

}  // namespace

void reconstruct(Team& team, const Network& network, const Picture& picture, unsigned char* rgb) {
  const int height = picture.height, width = picture.width;
  const Plane& features = picture.features;
  convolve_body(team, network, picture, features);
  for (int begin = 0; begin < height; begin += kBand) {
    const Span band = clipped({begin, begin + kBand}, height);
    // Each step needs a row more on both sides than the next one gives.
    const Span doubled = clipped({band.begin - 2, band.end + 2}, height);
    const Span twice = clipped({2 * band.begin - 2, 2 * band.end + 2}, 2 * height);
    const Span high = clipped({2 * band.begin - 1, 2 * band.end + 1}, 2 * height);
    const Rows first{picture.bands[0], 2 * doubled.begin};
    const Rows second{picture.bands[1], 2 * twice.begin};
    const Rows third{picture.bands[2], 2 * high.begin};
    convolve_band<Doubled>(team, network.up[0], {features, 0}, first, doubled, width);
    clear_border(team, first, {2 * doubled.begin, 2 * doubled.end}, 2 * height);
    convolve_band<Doubled>(team, network.up[1], first, second, twice, 2 * width);
    clear_border(team, second, {2 * twice.begin, 2 * twice.end}, 4 * height);
    convolve_band<AsItIs>(team, network.high, second, third, high, 2 * width);
    clear_border(team, third, {2 * high.begin, 2 * high.end}, 4 * height);
    team.share(4 * band.length(), [&](int item) {
      const int row = 4 * band.begin + item;
      last_convolution(network, picture.bands[2], row - third.begin, 4 * width,
                       rgb + static_cast<size_t>(row) * 4 * width * 3);
    });
  }
}

}  // namespace rrdb
