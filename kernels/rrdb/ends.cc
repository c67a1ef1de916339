// The first convolution, from the picture, in floats, and the last one, to the picture, in 16-bit integers.
#include "steps.h"
#include "winograd.h"

namespace rrdb {

void first_convolution(Team& team, const Network& network, const Picture& picture, const unsigned char* rgb,
                       const float* scale) {
  const int fold = network.fold, height = picture.height, width = picture.width, inputs = network.inputs();
  const size_t pitch = static_cast<size_t>(width) * fold * 3;
  team.share(height, [&](int y) {
    for (int x = 0; x < width; ++x) {
      __m512 sums[4];
      for (int c = 0; c < 4; ++c) sums[c] = _mm512_load_ps(network.first_bias + 16 * c);
      for (int tap = 0; tap < 9; ++tap) {
        const int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const float* weights = network.first_weights + static_cast<size_t>(tap) * inputs * kFeatures;
        // Channels as torch.nn.functional.pixel_unshuffle orders them: colour, then row, then column.
        for (int input = 0; input < inputs; ++input, weights += kFeatures) {
          const int colour = input / (fold * fold), dy = input / fold % fold, dx = input % fold;
          const unsigned char level = rgb[(row * fold + dy) * pitch + (column * fold + dx) * 3 + colour];
          const __m512 value = _mm512_set1_ps(level * (1.0f / 255.0f));
          for (int c = 0; c < 4; ++c) sums[c] = _mm512_fmadd_ps(value, _mm512_load_ps(weights + 16 * c), sums[c]);
        }
      }
      const size_t place = (static_cast<size_t>(y) * width + x) * kFeatures;
      for (int c = 0; c < 4; ++c) {
        _mm512_store_ps(picture.first + place + 16 * c, sums[c]);
        _mm512_store_ps(picture.stream + place + 16 * c, sums[c]);
        _mm512_store_ps(picture.outer + place + 16 * c, sums[c]);
        store_int16(picture.activations.at(y, x) + 16 * c, _mm512_mul_ps(sums[c], _mm512_load_ps(scale + 16 * c)));
      }
    }
  });
}

void last_convolution(const Network& network, const Plane& source, int row, int width, unsigned char* target) {
  for (int x = 0; x < width; ++x, target += 3) {
    __m512i sums[3] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int tap = 0; tap < 9; ++tap) {
      const int16_t* pixel = source.at(row + tap / 3 - 1, x + tap % 3 - 1);
      const int16_t* weights = network.last_weights + tap * 3 * kFeatures;
      for (int c = 0; c < kFeatures; c += 32) {
        const __m512i value = _mm512_load_si512(pixel + c);
        for (int colour = 0; colour < 3; ++colour)
          sums[colour] = _mm512_dpwssd_epi32(sums[colour], value, _mm512_load_si512(weights + colour * kFeatures + c));
      }
    }
    for (int colour = 0; colour < 3; ++colour) {
      const float sum = static_cast<float>(_mm512_reduce_add_epi32(sums[colour]));
      const float level = sum * network.last_scale[colour] + network.last_bias[colour];
      const int rounded = _mm_cvtss_si32(_mm_set_ss(level));
      target[colour] = static_cast<unsigned char>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
    }
  }
}

}  // namespace rrdb
