// A quantised RRDBNet as it lies in model.rrdb; export/winograd/layout.py writes it.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace rrdb {

constexpr int kFeatures = 64;
constexpr int kGrowth = 32;
constexpr int kTaps = 16;     // values of a 4×4 tile in the Winograd domain
constexpr int kUpTaps = 9;    // those that are left where the picture was doubled by nearest neighbours
constexpr int kOutputs = 32;  // output channels that are computed together
constexpr int kDense = 5;     // convolutions of a dense block

// A convolution's weights for 32 output channels. Every activation is the unsigned v + 128, hence the offset.
struct Filter {
  const int8_t* weights;  // [taps][inputs / 4][kOutputs][4]
  const int32_t* offset;  // [taps][kOutputs]: -128 · sum of the weights
  const float* scale;     // [taps][kOutputs]
  const float* bias;      // [kOutputs]
};

struct DenseBlock {
  const float* scale;                  // [kFeatures]: what the stream is multiplied by to become int16
  const int16_t* multipliers[kDense];  // [kTaps][channels] in 1/32768: of the stream, then of each growth
  Filter growth[kDense - 1];
  Filter last[2];
};

// The same in 16 bits, from kFeatures channels, for the layers in which 8 bits would be seen.
struct WideFilter {
  const int16_t* weights;  // [taps][kFeatures / 2][kOutputs][2]
  const float* scale;      // [taps][kOutputs]
  const float* bias;       // [kOutputs]
};

// 64 channels to 64.
struct Layer {
  WideFilter filters[2];
};

struct Network {
  int fold;                    // 1, or 2 where 2×2 pixels are folded into channels first
  int blocks;                  // dense blocks, three for each residual-in-residual block
  const float* first_weights;  // [9][3 · fold²][kFeatures]
  const float* first_bias;     // [kFeatures]
  const DenseBlock* dense;
  const float* body_scale;  // [kFeatures], as DenseBlock::scale
  Layer body;
  const float* up_scale;  // [kFeatures]
  Layer up[2];
  Layer high;
  const int16_t* last_weights;  // [9][3][kFeatures]
  const float* last_scale;      // [16], three used: to levels of 255
  const float* last_bias;       // [16]

  int inputs() const { return 3 * fold * fold; }
  int scale() const { return 4 / fold; }
};

// Reads a whole model.rrdb, which must stay where it is. Returns null where it is damaged or memory is short.
Network* read_network(const unsigned char* data, size_t size);
void free_network(Network* network);

}  // namespace rrdb
