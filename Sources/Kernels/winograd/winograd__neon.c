#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"
#include "winograd.h"

void f32_winograd_input__neon(const f32_winograd_input_arguments *arguments) { winograd_input(arguments); }
void f32_winograd_output__neon(const f32_winograd_output_arguments *arguments) { winograd_output(arguments); }

#endif
