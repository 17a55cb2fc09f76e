// The arguments of each kernel family. See kernels.h for what is common to all.
#pragma once

#include <stddef.h>
#include <stdint.h>

// MARK: Epilogues of s8 products

// s32 → s8: q = roundTiesToEven(clamp(Float(acc) × multipliers[c])) + zero_point (Quantize's `Requantization`).
typedef struct {
  const float *_Nonnull multipliers;  // [columns], read up to a multiple of nr
  float minimum, maximum;             // smallest and largest s8 result, less the zero point
  int32_t zero_point;                 // of the output
} qs8_requantization;

// Sum of two s8 tensors, in integers (Quantize's `QuantizedAdd`):
// q = clamp((((a − zero_point_a)·multiplier_a + (b − zero_point_b)·multiplier_b + 2^(shift − 1)) >> shift) + zero_point)
typedef struct {
  int32_t zero_point_a, zero_point_b;
  int32_t multiplier_a, multiplier_b;
  int32_t shift;  // 1 … 31
  int32_t zero_point;
  int32_t minimum, maximum;
} qs8_addition;

// s32 → f32: y = clamp(Float(acc) × multipliers[c] + bias[c]), a multiplication and an addition, each rounded.
typedef struct {
  const float *_Nonnull multipliers;  // [columns], read up to a multiple of nr: input scale × weight scale
  const float *_Nonnull bias;         // [columns], read up to a multiple of nr
  float minimum, maximum;
  int32_t input_zero_point;
} qs8_dequantization;

// MARK: Indirect matrix product: convolution, pointwise convolution, dense layer
//
// Output row r, column c = epilogue(bias[c] + Σ over taps t and k in 0 ..< depth of inputs[t·mr + r][k] × w[c][t][k]).
// A row is an output pixel. The caller points each tap of each row at the `depth` input elements it sees, or, where the
// window lies outside the picture, at a buffer of `depth` zeros (s8: zero points).
//
// The residual may be the output itself: each of its elements is read before that element of the output is written.

typedef struct {
  size_t rows;     // 1 … mr
  size_t columns;  // any number; computed panel by panel
  size_t taps;
  size_t depth;
  const float *_Nonnull const *_Nonnull inputs;  // [taps][mr], of which `rows` of each tap are read
  const void *_Nonnull weights;                  // packed, from the panel of the first column
  float *_Nonnull output;                        // [rows][columns]
  size_t output_stride;                          // between rows
  const float *_Nullable residual;               // [rows][columns] to add before the clamp, or null
  size_t residual_stride;
  float minimum, maximum;  // clamp of the result
} f32_igemm_arguments;

typedef struct {
  size_t rows, columns, taps, depth;
  const int8_t *_Nonnull const *_Nonnull inputs;
  const void *_Nonnull weights;
  int8_t *_Nonnull output;
  size_t output_stride;
  const int8_t *_Nullable residual;  // [rows][columns], or null: added as `b` of `addition` to the requantized result
  size_t residual_stride;
  qs8_addition addition;  // read when there is a residual
  qs8_requantization requantization;
} qs8_igemm_arguments;

// s8 inputs and weights, float results: the input's zero point is known only when it runs.
typedef struct {
  size_t rows, columns, taps, depth;
  const int8_t *_Nonnull const *_Nonnull inputs;
  const void *_Nonnull weights;
  float *_Nonnull output;
  size_t output_stride;
  const float *_Nullable residual;  // added before the clamp
  size_t residual_stride;
  qs8_dequantization dequantization;
} qs8_f32_igemm_arguments;

typedef void (*f32_igemm_function)(const f32_igemm_arguments *_Nonnull);
typedef void (*qs8_igemm_function)(const qs8_igemm_arguments *_Nonnull);
typedef void (*qs8_f32_igemm_function)(const qs8_f32_igemm_arguments *_Nonnull);

// MARK: Winograd's F(4×4, 3×3): 3×3 convolution with stride 1, in tiles of 4×4 outputs
//
// A tile sees a patch of 6×6 inputs. The input transform makes 36 rows of `channels` elements of it, one for each place of
// the patch; f32_igemm multiplies the rows of a place, one of each tile, by that place's weights; the output transform
// makes 4×4 outputs of a tile's 36 rows of products.

typedef struct {
  size_t channels;
  // [36], the patch line by line: pointers to `channels` inputs, of zeros where the patch lies outside the picture
  const float *_Nonnull const *_Nonnull inputs;
  float *_Nonnull output;  // [36][channels]
  size_t output_stride;    // between places
} f32_winograd_input_arguments;

typedef struct {
  size_t channels;
  const float *_Nonnull input;  // [36][channels]
  size_t input_stride;          // between places
  const float *_Nonnull bias;   // [channels]
  float *_Nonnull output;       // [lines][pixels][channels]
  size_t lines, pixels;         // 1 … 4: what of the tile lies inside the picture
  size_t line_stride, pixel_stride;
  const float *_Nullable residual;  // to add before the clamp, with the strides of the output; or null
  float minimum, maximum;           // clamp of the result
} f32_winograd_output_arguments;

typedef void (*f32_winograd_input_function)(const f32_winograd_input_arguments *_Nonnull);
typedef void (*f32_winograd_output_function)(const f32_winograd_output_arguments *_Nonnull);

// The same in whole numbers, for s8 (winograd/qs8_winograd.h): s16_gemm multiplies. Exact for weights of which
// qs8_winograd_is_exact says so.

typedef struct {
  size_t channels;
  const int8_t *_Nonnull const *_Nonnull inputs;  // [36] to `channels` inputs, zero points outside the picture
  int32_t zero_point;                             // of the inputs
  int16_t *_Nonnull output;                       // [36][channels]
  size_t output_stride;                           // between places
} qs8_winograd_input_arguments;

// Row r, column c = Σ over k in 0 ..< depth of inputs[r·input_stride + k] × w[c][k], modulo 2^32.
typedef struct {
  size_t rows;     // 1 … mr
  size_t columns;  // computed panel by panel
  size_t depth;
  const int16_t *_Nonnull inputs;  // [rows][depth], each row read up to the next multiple of kr
  size_t input_stride;             // between rows
  const void *_Nonnull weights;    // packed, from the panel of the first column
  int32_t *_Nonnull output;        // [rows][columns], each row written up to the next multiple of nr
  size_t output_stride;            // between rows
} s16_gemm_arguments;

// Inputs, biases and multipliers are read up to the next multiple of the nr of the tier's s16_gemm.
typedef struct {
  size_t channels;
  const int32_t *_Nonnull input;  // [36][channels]
  size_t input_stride;            // between places
  const int32_t *_Nonnull bias;   // [channels]
  int8_t *_Nonnull output;        // [lines][pixels][channels]
  size_t lines, pixels;           // 1 … 4: what of the tile lies inside the picture
  size_t line_stride, pixel_stride;
  const int8_t *_Nullable residual;  // as in qs8_igemm_arguments, with the strides of the output; or null
  qs8_addition addition;             // read when there is a residual
  qs8_requantization requantization;
} qs8_winograd_output_arguments;

typedef void (*qs8_winograd_input_function)(const qs8_winograd_input_arguments *_Nonnull);
typedef void (*s16_gemm_function)(const s16_gemm_arguments *_Nonnull);
typedef void (*qs8_winograd_output_function)(const qs8_winograd_output_arguments *_Nonnull);

// MARK: Depthwise convolution of a run of output pixels, channels last
//
// Output pixel p, channel c = epilogue(bias[c] + Σ over taps t of inputs[p·input_step + t][input_offset + c] × w[t][c]).
// Taps are in column-major order of the window (t = x·height + y), so that neighbouring windows of a row can share
// pointers: with dilation 1, `input_step` is stride × height over an array that lists each input column once.
// Pointers of places outside the picture point at zeros (s8: zero points), `input_offset + channels` of them.

typedef struct {
  size_t pixels;
  size_t channels;
  size_t taps;
  const float *_Nonnull const *_Nonnull inputs;
  size_t input_step;
  size_t input_offset;
  const void *_Nonnull weights;  // packed, from the block of the first channel
  float *_Nonnull output;        // [pixels][channels]
  size_t output_stride;          // between pixels
  float minimum, maximum;
} f32_dwconv_arguments;

typedef struct {
  size_t pixels, channels, taps;
  const int8_t *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  const void *_Nonnull weights;
  int8_t *_Nonnull output;
  size_t output_stride;
  qs8_requantization requantization;
} qs8_dwconv_arguments;

typedef struct {
  size_t pixels, channels, taps;
  const int8_t *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  const void *_Nonnull weights;
  float *_Nonnull output;
  size_t output_stride;
  qs8_dequantization dequantization;
} qs8_f32_dwconv_arguments;

typedef void (*f32_dwconv_function)(const f32_dwconv_arguments *_Nonnull);
typedef void (*qs8_dwconv_function)(const qs8_dwconv_arguments *_Nonnull);
typedef void (*qs8_f32_dwconv_function)(const qs8_f32_dwconv_arguments *_Nonnull);

// MARK: Pooling of a run of output pixels, channels last
//
// Inputs as for depthwise convolution, taps in any order. Places outside the picture: for a maximum, point them at
// another tap of the same window; for a mean, at zeros (s8: zero points).

typedef struct {
  size_t pixels, channels, taps;
  const float *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  float *_Nonnull output;
  size_t output_stride;
} f32_maxpool_arguments;

typedef struct {
  size_t pixels, channels, taps;
  const int8_t *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  int8_t *_Nonnull output;
  size_t output_stride;
} s8_maxpool_arguments;

// Output = Σ × multipliers[pixel].
typedef struct {
  size_t pixels, channels, taps;
  const float *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  const float *_Nonnull multipliers;  // [pixels]: 1 / number of taps inside the picture
  float *_Nonnull output;
  size_t output_stride;
} f32_avgpool_arguments;

// Quantize's `quantizedMean`: roundTiesToEven(Float(Σ (q − zero_point)) × multipliers[pixel]) + zero_point.
typedef struct {
  size_t pixels, channels, taps;
  const int8_t *_Nonnull const *_Nonnull inputs;
  size_t input_step, input_offset;
  const float *_Nonnull multipliers;
  int32_t zero_point;
  int8_t *_Nonnull output;
  size_t output_stride;
} qs8_avgpool_arguments;

typedef void (*f32_maxpool_function)(const f32_maxpool_arguments *_Nonnull);
typedef void (*s8_maxpool_function)(const s8_maxpool_arguments *_Nonnull);
typedef void (*f32_avgpool_function)(const f32_avgpool_arguments *_Nonnull);
typedef void (*qs8_avgpool_function)(const qs8_avgpool_arguments *_Nonnull);

// Mean over all pixels (global average pool): input [pixels][channels] → output [channels], multiplier 1 / pixels.
typedef void (*f32_mean_function)(size_t pixels, size_t channels, const float *_Nonnull input, size_t input_stride,
                                  float *_Nonnull output);
// At most 2^23 pixels.
typedef void (*qs8_mean_function)(size_t pixels, size_t channels, const int8_t *_Nonnull input, size_t input_stride,
                                  int32_t zero_point, int8_t *_Nonnull output);

// MARK: Element by element. An output may be the same buffer as an input of its type.

// clamp(a + b)
typedef void (*f32_add_function)(size_t count, const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull output,
                                 float minimum, float maximum);
typedef void (*qs8_add_function)(size_t count, const int8_t *_Nonnull a, const int8_t *_Nonnull b,
                                 int8_t *_Nonnull output, const qs8_addition *_Nonnull addition);
// Quantize's `QuantizedMultiply`: roundTiesToEven(clamp(Float((a − zero_point_a)·(b − zero_point_b)) × multiplier)) +
// zero_point.
typedef struct {
  int32_t zero_point_a, zero_point_b;
  float multiplier;
  int32_t zero_point;
} qs8_multiplication;

// a [rows][count] × b [count], the same for all rows → output [rows][count]; with one row, element by element.
typedef void (*f32_multiply_function)(size_t rows, size_t count, const float *_Nonnull a, const float *_Nonnull b,
                                      float *_Nonnull output);
typedef void (*qs8_multiply_function)(size_t rows, size_t count, const int8_t *_Nonnull a, const int8_t *_Nonnull b,
                                      int8_t *_Nonnull output, const qs8_multiplication *_Nonnull multiplication);
typedef void (*f32_clamp_function)(size_t count, const float *_Nonnull input, float *_Nonnull output, float minimum,
                                   float maximum);
// x where it is positive, slope × x elsewhere.
typedef void (*f32_leaky_relu_function)(size_t count, const float *_Nonnull input, float *_Nonnull output, float slope);
// Sigmoid, hyperbolic tangent, hard sigmoid, hard swish, GELU (by tanh), SiLU of each element; softmax of all `count`
// elements together.
typedef void (*f32_map_function)(size_t count, const float *_Nonnull input, float *_Nonnull output);
// The smallest interval that holds 0 and all elements; NaNs are passed over.
typedef void (*f32_range_function)(size_t count, const float *_Nonnull input, float *_Nonnull minimum,
                                   float *_Nonnull maximum);
// Quantize's `Quantization.quantize`: roundTiesToEven(clamp(x × inverse_scale)) + zero_point; NaN gives −128.
typedef void (*f32_quantize_function)(size_t count, const float *_Nonnull input, int8_t *_Nonnull output,
                                      float inverse_scale, int32_t zero_point);
// (q − zero_point) × scale
typedef void (*s8_dequantize_function)(size_t count, const int8_t *_Nonnull input, float *_Nonnull output, float scale,
                                       int32_t zero_point);
// output = table[input + 128]
typedef void (*s8_lookup_function)(size_t count, const int8_t *_Nonnull input, const int8_t *_Nonnull table,
                                   int8_t *_Nonnull output);
// output = Float(table[max − input]) / Float(Σ table[max − input]), over all `count` elements; entries not negative.
typedef void (*s8_lookup_softmax_function)(size_t count, const int8_t *_Nonnull input, const int32_t *_Nonnull table,
                                           float *_Nonnull output);

// MARK: Recurrent layers, one step of one sequence

// What a cell (rnn, lstm, gru) makes of a = W·x + bias and b = R·h + bias: Format's `Recurrent`, one unit by one. Sigmoid and
// tanh as f32_sigmoid and f32_tanh.
typedef struct {
  size_t units;
  const float *_Nonnull input_part;      // a: [gates][gate_stride], of which `units` of each gate are read
  const float *_Nonnull recurrent_part;  // b, likewise
  size_t gate_stride;
  const float *_Nonnull previous;   // h of the step before, [units]; of gru only
  float *_Nullable cell_state;      // c, [units], of lstm only: that of the step before becomes this step's
  float *_Nonnull output;           // h, [units]
} f32_cell_arguments;

typedef void (*f32_cell_function)(const f32_cell_arguments *_Nonnull);

// MARK: Bilinear resize, one output line
//
// Output pixel p, channel c = between lines `top` and `bottom`, in each between elements left[p] + c and right[p] + c; shares
// are those of the right and of the bottom.

typedef struct {
  size_t pixels, channels;
  const float *_Nonnull top, *_Nonnull bottom;
  const size_t *_Nonnull left, *_Nonnull right;  // [pixels]
  const float *_Nonnull across;                  // [pixels], 0 … 1
  float down;
  float *_Nonnull output;  // [pixels][channels]
} f32_bilinear_arguments;

// Quantize's `quantizedBilinear`: shares are in 1/2048.
typedef struct {
  size_t pixels, channels;
  const int8_t *_Nonnull top, *_Nonnull bottom;
  const size_t *_Nonnull left, *_Nonnull right;
  const int32_t *_Nonnull across;
  int32_t down;
  int8_t *_Nonnull output;
} qs8_bilinear_arguments;

typedef void (*f32_bilinear_function)(const f32_bilinear_arguments *_Nonnull);
typedef void (*qs8_bilinear_function)(const qs8_bilinear_arguments *_Nonnull);
