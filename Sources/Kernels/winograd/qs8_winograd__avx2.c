#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../simd/avx2_words.h"
#include "../simd/epilogue.h"
#include "qs8_winograd.h"

void qs8_winograd_input__avx2(const qs8_winograd_input_arguments *arguments) { qs8_winograd_input(arguments); }
void qs8_winograd_output__avx2(const qs8_winograd_output_arguments *arguments) { qs8_winograd_output(arguments); }

#pragma clang attribute pop
#endif
