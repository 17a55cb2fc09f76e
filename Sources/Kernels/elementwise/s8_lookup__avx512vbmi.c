#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx2,fma"))), apply_to = function)

#include "../simd/avx512vbmi.h"
#include "../simd/epilogue.h"
#include "elementwise.h"

void s8_lookup__avx512vbmi(size_t count, const int8_t *input, const int8_t *table, int8_t *output) {
  s8_lookup(count, input, table, output);
}

#pragma clang attribute pop
#endif
