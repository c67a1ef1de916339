// The steps of the network; each is called by all members of the team.
#pragma once

#include <stdint.h>

#include "network.h"
#include "picture.h"
#include "team.h"

namespace rrdb {

// uint8 [height · fold][width · fold][3] → stream, outer, first, and activations scaled for `scale`.
void first_convolution(Team& team, const Network& network, const Picture& picture, const unsigned char* rgb,
                       const float* scale);

// One dense block, in place. `next`: the scale of who reads the stream next.
void dense_block(Team& team, const DenseBlock& block, const Picture& picture, bool closes_residual, const float* next);

// Everything behind the dense blocks → uint8 [height · 4][width · 4][3].
void reconstruct(Team& team, const Network& network, const Picture& picture, unsigned char* rgb);

// A row of int16 [width][kFeatures], with those above and below → uint8 [width][3].
void last_convolution(const Network& network, const Plane& source, int row, int width, unsigned char* target);

}  // namespace rrdb
