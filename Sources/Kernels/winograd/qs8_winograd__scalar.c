#include "../simd/scalar_words.h"
#include "../simd/epilogue.h"
#include "qs8_winograd.h"

void qs8_winograd_input__scalar(const qs8_winograd_input_arguments *arguments) { qs8_winograd_input(arguments); }
void qs8_winograd_output__scalar(const qs8_winograd_output_arguments *arguments) { qs8_winograd_output(arguments); }
