#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512.h"
#include "../simd/epilogue.h"
#include "winograd.h"

void f32_winograd_input__avx512(const f32_winograd_input_arguments *arguments) { winograd_input(arguments); }
void f32_winograd_output__avx512(const f32_winograd_output_arguments *arguments) { winograd_output(arguments); }

#pragma clang attribute pop
#endif
