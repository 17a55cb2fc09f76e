#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512.h"
#include "../simd/epilogue.h"

enum { F32_DW_VECTORS = 2 };
#include "f32_dwconv.h"

void f32_dwconv_1x32__avx512(const f32_dwconv_arguments *arguments) { f32_dwconv(arguments); }

#pragma clang attribute pop
#endif
