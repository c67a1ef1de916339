// What this CPU can do. Compilers' own tests need parts of their libraries, which are not linked.
#pragma once

#include <cpuid.h>
#include <stdint.h>

namespace rrdb {

// AVX-512 F, BW, DQ, VL and VNNI, and a system that keeps their registers.
inline bool has_avx512_vnni() {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return false;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr uint32_t kKept = 0xe6;  // SSE, AVX, masks, upper halves, upper sixteen registers
  if ((low & kKept) != kKept || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr uint32_t kFoundation = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  return (b & kFoundation) == kFoundation && (c & bit_AVX512VNNI);
}

}  // namespace rrdb
