#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon_words.h"
#include "../simd/epilogue.h"
#include "qs8_winograd.h"

void qs8_winograd_input__neon(const qs8_winograd_input_arguments *arguments) { qs8_winograd_input(arguments); }
void qs8_winograd_output__neon(const qs8_winograd_output_arguments *arguments) { qs8_winograd_output(arguments); }

#endif
