#include "../simd/scalar.h"
#include "../simd/epilogue.h"
#include "winograd.h"

void f32_winograd_input__scalar(const f32_winograd_input_arguments *arguments) { winograd_input(arguments); }
void f32_winograd_output__scalar(const f32_winograd_output_arguments *arguments) { winograd_output(arguments); }
