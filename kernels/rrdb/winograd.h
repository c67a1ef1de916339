// Convolutions of 3×3 as F(2×2, 3×3) of Winograd's (Lavin and Gray, 2016) in 8-bit integers.
//
// A tile of 4×4 activations becomes 16 values a channel (transform_input); each of the 16 positions is a product of
// matrices (multiply); 16 sums become 2×2 outputs (transform_output). That takes 16 multiplications for what otherwise
// takes 36. Each position and channel has a scale of its own, so that 8 bits are enough.
#pragma once

#include <immintrin.h>

#include "network.h"

namespace rrdb {

// Tiles that are multiplied together: 12 tiles × 32 outputs fill 24 of the 32 vector registers.
constexpr int kGroup = 12;

// Sums of a group in the Winograd domain: [taps][kGroup][kOutputs].
struct alignas(64) Sums {
  float values[kTaps * kGroup * kOutputs];
};

inline int groups_of(int tiles) { return (tiles + kGroup - 1) / kGroup; }

// Where positions of 32 channels go, [taps][kGroup][Channels] each.

// 8 bits: multiplied in 1/32768, and made unsigned by an offset of 128.
template <int Channels>
struct Narrow {
  static constexpr int kChannels = Channels;
  const int16_t* multipliers;  // [taps][Channels]
  uint8_t* out;

  void store(int tap, int tile, int channel, __m512i value) const {
    const __m512i multiplier = _mm512_load_si512(multipliers + tap * Channels + channel);
    const __m256i narrow = _mm512_cvtsepi16_epi8(_mm512_mulhrs_epi16(value, multiplier));
    auto* target = reinterpret_cast<__m256i*>(out + (tap * kGroup + tile) * Channels + channel);
    _mm256_store_si256(target, _mm256_xor_si256(narrow, _mm256_set1_epi8(-128)));
  }
};

// 16 bits, of which 13 and the sign are used: 64 products of them with weights up to 4095 add up in 32 bits.
struct Wide {
  static constexpr int kChannels = kFeatures;
  int16_t* out;

  void store(int tap, int tile, int channel, __m512i value) const {
    const __m512i quarter = _mm512_mulhrs_epi16(value, _mm512_set1_epi16(1 << 13));
    _mm512_store_si512(out + (tap * kGroup + tile) * kFeatures + channel, quarter);
  }
};

// Four values along one axis of a tile, Bᵀd.
struct Four {
  __m512i at[4];
};

inline Four transform_four(__m512i d0, __m512i d1, __m512i d2, __m512i d3) {
  return {{_mm512_subs_epi16(d0, d2), _mm512_adds_epi16(d1, d2), _mm512_subs_epi16(d2, d1), _mm512_subs_epi16(d1, d3)}};
}

// The same of d0 d1 d1 d2, a row that was doubled; its third value is always 0 and left out.
struct Three {
  __m512i at[3];
};

inline Three transform_three(__m512i d0, __m512i d1, __m512i d2) {
  return {{_mm512_subs_epi16(d0, d1), _mm512_adds_epi16(d1, d1), _mm512_subs_epi16(d1, d2)}};
}

// Activations of `count` tiles in a row.
// rows: the four rows of int16 [columns][channels] at the first column of the first tile.
template <class Target>
inline void transform_input(const int16_t* const rows[4], int count, const Target& target) {
  for (int c = 0; c < Target::kChannels; c += 32) {
    const auto column = [&](int x) {
      const auto load = [&](int y) { return _mm512_loadu_si512(rows[y] + x * Target::kChannels + c); };
      return transform_four(load(0), load(1), load(2), load(3));
    };
    Four before[2] = {column(0), column(1)};
    for (int i = 0; i < count; ++i) {
      const Four after[2] = {column(2 * i + 2), column(2 * i + 3)};
      for (int a = 0; a < 4; ++a) {
        const Four row = transform_four(before[0].at[a], before[1].at[a], after[0].at[a], after[1].at[a]);
        for (int b = 0; b < 4; ++b) target.store(4 * a + b, i, c, row.at[b]);
      }
      before[0] = after[0];
      before[1] = after[1];
    }
  }
}

// The same where each of `count` pixels in a row was doubled to 2×2.
template <class Target>
inline void transform_doubled(const int16_t* const rows[3], int count, const Target& target) {
  for (int c = 0; c < Target::kChannels; c += 32) {
    const auto column = [&](int x) {
      const auto load = [&](int y) { return _mm512_loadu_si512(rows[y] + x * Target::kChannels + c); };
      return transform_three(load(0), load(1), load(2));
    };
    Three left = column(0), middle = column(1);
    for (int i = 0; i < count; ++i) {
      const Three right = column(i + 2);
      for (int a = 0; a < 3; ++a) {
        const Three row = transform_three(left.at[a], middle.at[a], right.at[a]);
        for (int b = 0; b < 3; ++b) target.store(3 * a + b, i, c, row.at[b]);
      }
      left = middle;
      middle = right;
    }
  }
}

// Adds products to 16 sums: four inputs of 8 bits, or two of 16, for each.
inline __m512i add_products(__m512i sums, __m512i inputs, __m512i weights, uint8_t) {
  return _mm512_dpbusd_epi32(sums, inputs, weights);
}
inline __m512i add_products(__m512i sums, __m512i inputs, __m512i weights, int16_t) {
  return _mm512_dpwssd_epi32(sums, inputs, weights);
}

// Adds the products of one tap with `Channels` inputs; returns where the weights of the next inputs begin.
template <int Tiles, int Channels, class Value, class Weight>
inline const Weight* accumulate(const Value* values, const Weight* weights, __m512i (&sums)[Tiles][2]) {
  constexpr int kTogether = sizeof(int32_t) / sizeof(Value);
  for (int k = 0; k < Channels; k += kTogether, weights += kTogether * kOutputs) {
    const __m512i low = _mm512_load_si512(weights);
    const __m512i high = _mm512_load_si512(weights + kTogether * kOutputs / 2);
#pragma GCC unroll 12
    for (int i = 0; i < Tiles; ++i) {
      int32_t together;
      __builtin_memcpy(&together, values + i * Channels + k, sizeof together);
      const __m512i inputs = _mm512_set1_epi32(together);
      sums[i][0] = add_products(sums[i][0], inputs, low, Value());
      sums[i][1] = add_products(sums[i][1], inputs, high, Value());
    }
  }
  return weights;
}

template <int Tiles>
inline void store_sums(const __m512i (&whole)[Tiles][2], const float* scales, int tap, Sums& sums) {
  for (int j = 0; j < 2; ++j) {
    const __m512 scale = _mm512_load_ps(scales + tap * kOutputs + 16 * j);
    for (int i = 0; i < Tiles; ++i)
      _mm512_store_ps(sums.values + (tap * kGroup + i) * kOutputs + 16 * j,
                      _mm512_mul_ps(_mm512_cvtepi32_ps(whole[i][j]), scale));
  }
}

// The inputs of a dense block's convolution, a group of each: values[0] of the stream, [kTaps][kGroup][kFeatures], the
// others of `Growths` growths, [kTaps][kGroup][kGrowth].
template <int Growths>
struct DenseInputs {
  const uint8_t* const* values;
  const Filter& filter;

  template <int Tiles>
  void multiply(Sums& sums) const {
    const int8_t* weights = filter.weights;
    for (int tap = 0; tap < kTaps; ++tap) {
      __m512i whole[Tiles][2];
      for (int j = 0; j < 2; ++j) {
        const __m512i offset = _mm512_load_si512(filter.offset + tap * kOutputs + 16 * j);
        for (int i = 0; i < Tiles; ++i) whole[i][j] = offset;
      }
      weights = accumulate<Tiles, kFeatures>(values[0] + tap * kGroup * kFeatures, weights, whole);
      for (int g = 1; g <= Growths; ++g)
        weights = accumulate<Tiles, kGrowth>(values[g] + tap * kGroup * kGrowth, weights, whole);
      store_sums<Tiles>(whole, filter.scale, tap, sums);
    }
  }
};

// A group of kFeatures channels in 16 bits, [taps][kGroup][kFeatures].
struct WideInputs {
  const int16_t* values;
  const WideFilter& filter;
  int taps;

  template <int Tiles>
  void multiply(Sums& sums) const {
    const int16_t* weights = filter.weights;
    for (int tap = 0; tap < taps; ++tap) {
      __m512i whole[Tiles][2] = {};
      weights = accumulate<Tiles, kFeatures>(values + tap * kGroup * kFeatures, weights, whole);
      store_sums<Tiles>(whole, filter.scale, tap, sums);
    }
  }
};

// Products of a group of `count` tiles; what lies beyond them in values is multiplied too, and the sums are not used.
template <class Inputs>
inline void multiply(const Inputs& inputs, int count, Sums& sums) {
  if (count > 8)
    inputs.template multiply<12>(sums);
  else if (count > 4)
    inputs.template multiply<8>(sums);
  else
    inputs.template multiply<4>(sums);
}

// A tile's 2×2 outputs of 16 channels, bias added.
struct Outputs {
  __m512 at[2][2];
};

// Aᵀm along an axis: two outputs of the sums at its positions.
struct Two {
  __m512 at[2];
};

inline Two outputs_along(const __m512 (&m)[4]) {
  return {{_mm512_add_ps(_mm512_add_ps(m[0], m[1]), m[2]), _mm512_sub_ps(_mm512_sub_ps(m[1], m[2]), m[3])}};
}

// The same where the row was doubled.
inline Two outputs_along(const __m512 (&m)[3]) { return {{_mm512_add_ps(m[0], m[1]), _mm512_sub_ps(m[1], m[2])}}; }

// `Length`: positions along an axis, 4, or 3 where the picture was doubled.
template <int Length>
inline Outputs transform_output(const Sums& sums, const float* biases, int tile, int channel) {
  const float* values = sums.values + tile * kOutputs + channel;
  __m512 half[2][Length];
  for (int a = 0; a < Length; ++a) {
    __m512 row[Length];
    for (int b = 0; b < Length; ++b) row[b] = _mm512_load_ps(values + (Length * a + b) * kGroup * kOutputs);
    const Two two = outputs_along(row);
    for (int x = 0; x < 2; ++x) half[x][a] = two.at[x];
  }
  const __m512 bias = _mm512_load_ps(biases + channel);
  Outputs outputs;
  for (int x = 0; x < 2; ++x) {
    half[x][1] = _mm512_add_ps(half[x][1], bias);  // which both outputs have a part of
    const Two two = outputs_along(half[x]);
    for (int y = 0; y < 2; ++y) outputs.at[y][x] = two.at[y];
  }
  return outputs;
}

inline __m512 leaky_relu(__m512 value) { return _mm512_max_ps(value, _mm512_mul_ps(value, _mm512_set1_ps(0.2f))); }

// Rounds to the nearest integer, the even one of two, and cuts off at the limits of int16.
inline void store_int16(int16_t* target, __m512 value) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(target), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(value)));
}

}  // namespace rrdb
