#include "../simd/scalar_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_1x8c2__scalar(const qs8_dwconv_arguments *arguments) { qs8_dwconv(arguments); }

void qs8_f32_dwconv_1x8c2__scalar(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv(arguments); }
