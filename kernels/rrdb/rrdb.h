// RRDBNet (Real-ESRGAN x4plus, x2plus) in 8-bit integers on CPUs with AVX-512 and VNNI. Plain C.
#pragma once

#include <stddef.h>

#if defined(__cplusplus)
extern "C" {
#endif

// Of this interface and of model.rrdb.
int rrdb_abi(void);

// 1 where this CPU, and the system, have what the other functions need.
int rrdb_supported(void);

// The content of a model.rrdb, at an address divisible by 64, where it must stay. NULL where it is damaged.
void* rrdb_open(const unsigned char* data, size_t size);

// 4 or 2.
int rrdb_scale(void* network);

// uint8 [height][width][3] → uint8 [scale · height][scale · width][3], on up to `threads` threads; at scale 2 both
// sides must be even. Several calls may run at once. Returns 0, 1 where memory is short, 2 for a size that cannot be.
int rrdb_run(void* network, const unsigned char* rgb, int height, int width, unsigned char* out, int threads);

void rrdb_close(void* network);

#if defined(__cplusplus)
}
#endif
