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

// Adds the products of one tap with `Channels` inputs; returns where the weights of the next inputs begin.
template <int Tiles, int Channels>
inline const int8_t* accumulate(const uint8_t* values, const int8_t* weights, __m512i (&sums)[Tiles][2]) {
  for (int k = 0; k < Channels; k += 4, weights += 4 * kOutputs) {
    const __m512i low = _mm512_load_si512(weights);
    const __m512i high = _mm512_load_si512(weights + 64);
#pragma GCC unroll 12
    for (int i = 0; i < Tiles; ++i) {
      int32_t four;
      __builtin_memcpy(&four, values + i * Channels + k, 4);
      const __m512i inputs = _mm512_set1_epi32(four);
      sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], inputs, low);
      sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], inputs, high);
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

// values[0]: a group of the stream, [kTaps][kGroup][kFeatures]; the others: of growths, [kTaps][kGroup][kGrowth].
template <int Tiles, int Growths>
inline void multiply_tiles(const uint8_t* const* values, const Filter& filter, Sums& sums) {
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

// The same in 16 bits, of kFeatures channels only.
template <int Tiles>
inline void multiply_wide_tiles(const int16_t* values, const WideFilter& filter, int taps, Sums& sums) {
  const int16_t* weights = filter.weights;
  for (int tap = 0; tap < taps; ++tap, values += kGroup * kFeatures) {
    __m512i whole[Tiles][2];
    for (auto& tile : whole) tile[0] = tile[1] = _mm512_setzero_si512();
    for (int k = 0; k < kFeatures; k += 2, weights += 2 * kOutputs) {
      const __m512i low = _mm512_load_si512(weights);
      const __m512i high = _mm512_load_si512(weights + kOutputs);
#pragma GCC unroll 12
      for (int i = 0; i < Tiles; ++i) {
        int32_t two;
        __builtin_memcpy(&two, values + i * kFeatures + k, 4);
        const __m512i inputs = _mm512_set1_epi32(two);
        whole[i][0] = _mm512_dpwssd_epi32(whole[i][0], inputs, low);
        whole[i][1] = _mm512_dpwssd_epi32(whole[i][1], inputs, high);
      }
    }
    store_sums<Tiles>(whole, filter.scale, tap, sums);
  }
}

// Products of a group of `count` tiles; what lies beyond them in values is multiplied too, and the sums are not used.
template <int Growths>
inline void multiply(const uint8_t* const* values, const Filter& filter, int count, Sums& sums) {
  if (count > 8)
    multiply_tiles<12, Growths>(values, filter, sums);
  else if (count > 4)
    multiply_tiles<8, Growths>(values, filter, sums);
  else
    multiply_tiles<4, Growths>(values, filter, sums);
}

inline void multiply_wide(const int16_t* values, const WideFilter& filter, int taps, int count, Sums& sums) {
  if (count > 8)
    multiply_wide_tiles<12>(values, filter, taps, sums);
  else if (count > 4)
    multiply_wide_tiles<8>(values, filter, taps, sums);
  else
    multiply_wide_tiles<4>(values, filter, taps, sums);
}

// A tile's 2×2 outputs of 16 channels, bias added.
struct Outputs {
  __m512 at[2][2];
};

inline Outputs transform_output(const Sums& sums, const float* biases, int tile, int channel) {
  const float* values = sums.values + tile * kOutputs + channel;
  const __m512 bias = _mm512_load_ps(biases + channel);
  __m512 half[4][2];
  for (int a = 0; a < 4; ++a) {
    const auto m = [&](int b) { return _mm512_load_ps(values + (4 * a + b) * kGroup * kOutputs); };
    const __m512 one = m(1), two = m(2);
    half[a][0] = _mm512_add_ps(_mm512_add_ps(m(0), one), two);
    half[a][1] = _mm512_sub_ps(_mm512_sub_ps(one, two), m(3));
  }
  Outputs outputs;
  for (int x = 0; x < 2; ++x) {
    const __m512 even = _mm512_add_ps(half[1][x], bias);
    outputs.at[0][x] = _mm512_add_ps(_mm512_add_ps(half[0][x], even), half[2][x]);
    outputs.at[1][x] = _mm512_sub_ps(_mm512_sub_ps(even, half[2][x]), half[3][x]);
  }
  return outputs;
}

// The same of kUpTaps sums.
inline Outputs transform_output_doubled(const Sums& sums, const float* biases, int tile, int channel) {
  const float* values = sums.values + tile * kOutputs + channel;
  const __m512 bias = _mm512_load_ps(biases + channel);
  __m512 half[3][2];
  for (int a = 0; a < 3; ++a) {
    const auto m = [&](int b) { return _mm512_load_ps(values + (3 * a + b) * kGroup * kOutputs); };
    const __m512 one = m(1);
    half[a][0] = _mm512_add_ps(m(0), one);
    half[a][1] = _mm512_sub_ps(one, m(2));
  }
  Outputs outputs;
  for (int x = 0; x < 2; ++x) {
    const __m512 even = _mm512_add_ps(half[1][x], bias);
    outputs.at[0][x] = _mm512_add_ps(half[0][x], even);
    outputs.at[1][x] = _mm512_sub_ps(even, half[2][x]);
  }
  return outputs;
}

inline __m512 leaky_relu(__m512 value) { return _mm512_max_ps(value, _mm512_mul_ps(value, _mm512_set1_ps(0.2f))); }

// Rounds to the nearest integer, the even one of two, and cuts off at the limits of int16.
inline void store_int16(int16_t* target, __m512 value) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(target), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(value)));
}

}  // namespace rrdb
