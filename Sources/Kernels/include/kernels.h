// The arithmetic of the runtime: micro-kernels for every instruction set, their list, packing of weights, thread pool.
//
// A kernel computes one tile or one run of elements. It never allocates, never fails and never looks at the machine:
// the caller chooses it from the list (`kernels_best`), packs the weights for it once, and calls it with an arguments
// structure. docs/kernels.md has the pictures: tiles, packed layouts, naming, how to add one.
//
// Common to all kernels:
// - Counts are in elements unless they say bytes, and at least 1. Strides are in elements.
// - Inputs are read only inside the ranges given here, outputs written only there, at any alignment of the element.
// - Packed weights are read as a whole; their base is aligned to `KERNELS_ALIGNMENT` bytes.
// - Per-column arrays (multipliers, biases) are read up to the next multiple of the kernel's `nr`.
// - Clamps of f32 results leave NaN as it is.
// - s8 results are equal on all kernels of a family, bit for bit (docs/quantization.md). A float result does not
//   depend on how many rows or pixels are computed in one call, so that splitting work over threads changes nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels_arguments.h"
#include "thread_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KERNELS_ALIGNMENT = 64 };

// MARK: Instruction sets

// A tier of instructions. Each includes those that `kernels_isa_includes` says; kernels of an included tier serve where
// a tier has none of its own.
typedef enum __attribute__((enum_extensibility(closed))) {
  kernels_isa_scalar,      // any CPU: what the compiler makes of C, which is SSE2 on x86-64
  kernels_isa_avx2,        // AVX2, FMA
  kernels_isa_avxvnni,     // + vpdpbusd on 256 bits
  kernels_isa_avx512,      // AVX-512 F, BW, DQ, VL
  kernels_isa_avx512vnni,  // + vpdpbusd on 512 bits
  kernels_isa_avx512vbmi,  // + vpermi2b
  kernels_isa_neon,        // aarch64
  kernels_isa_neondot,     // + sdot
  kernels_isa_neoni8mm,    // + smmla
} kernels_isa;

enum { KERNELS_ISA_COUNT = 9 };

// "scalar", "avx2", … never null.
const char *_Nonnull kernels_isa_name(kernels_isa isa);
// The tier of that name; false when there is none.
bool kernels_isa_named(const char *_Nonnull name, kernels_isa *_Nonnull result);
// Whether this CPU and its operating system run the tier.
bool kernels_isa_supported(kernels_isa isa);
// The highest tier that this CPU runs.
kernels_isa kernels_best_isa(void);
// Whether a machine of tier `isa` runs kernels written for `part`.
bool kernels_isa_includes(kernels_isa isa, kernels_isa part);

// MARK: The list

// What a kernel computes. The arguments of each are described in kernels_arguments.h.
typedef enum __attribute__((enum_extensibility(closed))) {
  kernel_family_f32_igemm,
  kernel_family_qs8_igemm,
  kernel_family_qs8_f32_igemm,
  kernel_family_f32_dwconv,
  kernel_family_qs8_dwconv,
  kernel_family_qs8_f32_dwconv,
  kernel_family_f32_maxpool,
  kernel_family_s8_maxpool,
  kernel_family_f32_avgpool,
  kernel_family_qs8_avgpool,
  kernel_family_f32_mean,
  kernel_family_qs8_mean,
  kernel_family_f32_add,
  kernel_family_qs8_add,
  kernel_family_f32_multiply,
  kernel_family_qs8_multiply,
  kernel_family_f32_clamp,
  kernel_family_f32_leaky_relu,
  kernel_family_f32_sigmoid,
  kernel_family_f32_tanh,
  kernel_family_f32_hard_sigmoid,
  kernel_family_f32_hard_swish,
  kernel_family_f32_gelu,
  kernel_family_f32_silu,
  kernel_family_f32_softmax,
  kernel_family_f32_range,
  kernel_family_f32_quantize,
  kernel_family_s8_dequantize,
  kernel_family_s8_lookup,
  kernel_family_s8_lookup_softmax,
  kernel_family_f32_winograd_input,
  kernel_family_f32_winograd_output,
  kernel_family_f32_rnn_cell,
  kernel_family_f32_lstm_cell,
  kernel_family_f32_gru_cell,
  kernel_family_f32_bilinear,
  kernel_family_qs8_bilinear,
  kernel_family_qs8_winograd_input,
  kernel_family_s16_gemm,
  kernel_family_qs8_winograd_output,
} kernel_family;

enum { KERNEL_FAMILY_COUNT = 40 };

// One member per family; the one of the kernel's family is set.
typedef union {
  f32_igemm_function _Nonnull f32_igemm;
  qs8_igemm_function _Nonnull qs8_igemm;
  qs8_f32_igemm_function _Nonnull qs8_f32_igemm;
  f32_dwconv_function _Nonnull f32_dwconv;
  qs8_dwconv_function _Nonnull qs8_dwconv;
  qs8_f32_dwconv_function _Nonnull qs8_f32_dwconv;
  f32_maxpool_function _Nonnull f32_maxpool;
  s8_maxpool_function _Nonnull s8_maxpool;
  f32_avgpool_function _Nonnull f32_avgpool;
  qs8_avgpool_function _Nonnull qs8_avgpool;
  f32_mean_function _Nonnull f32_mean;
  qs8_mean_function _Nonnull qs8_mean;
  f32_add_function _Nonnull f32_add;
  qs8_add_function _Nonnull qs8_add;
  f32_multiply_function _Nonnull f32_multiply;
  qs8_multiply_function _Nonnull qs8_multiply;
  f32_clamp_function _Nonnull f32_clamp;
  f32_leaky_relu_function _Nonnull f32_leaky_relu;
  f32_map_function _Nonnull f32_map;  // sigmoid, tanh, hard sigmoid, hard swish, GELU, SiLU, softmax
  f32_range_function _Nonnull f32_range;
  f32_quantize_function _Nonnull f32_quantize;
  s8_dequantize_function _Nonnull s8_dequantize;
  s8_lookup_function _Nonnull s8_lookup;
  s8_lookup_softmax_function _Nonnull s8_lookup_softmax;
  f32_winograd_input_function _Nonnull f32_winograd_input;
  f32_winograd_output_function _Nonnull f32_winograd_output;
  f32_cell_function _Nonnull f32_cell;  // rnn, lstm, gru
  f32_bilinear_function _Nonnull f32_bilinear;
  qs8_bilinear_function _Nonnull qs8_bilinear;
  qs8_winograd_input_function _Nonnull qs8_winograd_input;
  s16_gemm_function _Nonnull s16_gemm;
  qs8_winograd_output_function _Nonnull qs8_winograd_output;
} kernel_function;

// A kernel and what its caller has to know.
typedef struct {
  const char *_Nonnull name;  // `<type>_<op>[_<tile>]__<isa>`: also the symbol, the test id and the benchmark row
  kernel_family family;
  kernels_isa isa;
  uint8_t mr;          // igemm, gemm: most rows of a tile; 1 elsewhere
  uint8_t nr;          // igemm, gemm: columns of a panel; dwconv: channels of a block; 1 elsewhere
  uint8_t kr;          // igemm, gemm: consecutive k of one column that lie together; dwconv: taps that do
  uint8_t taps;        // dwconv: the only number of taps it takes; 0 is any
  int16_t input_bias;  // what the kernel adds to s8 inputs before it multiplies; packing takes it out again
  uint8_t block_vectors;  // what the order of columns in packed s8 weights depends on; 1 is plain order
  kernel_function function;
} kernel;

// Number of kernels compiled in, whether or not this CPU runs them.
size_t kernels_count(void);
// The kernel at `index` in 0 ..< kernels_count().
const kernel *_Nonnull kernels_at(size_t index);
// The kernel of that name; null when there is none.
const kernel *_Nullable kernels_named(const char *_Nonnull name);
// The kernel that serves `family` on tier `isa` in general. For a dwconv family: the one that takes any taps. Of a tier of
// another architecture it tells how weights are packed for it, but its function is not there and must not be called.
const kernel *_Nonnull kernels_best(kernels_isa isa, kernel_family family);
// The kernel of a dwconv family that serves windows of `taps` on tier `isa`: one made for them, or the general one.
const kernel *_Nonnull kernels_best_dwconv(kernels_isa isa, kernel_family family, size_t taps);

// MARK: Packing

// Weights of a product with `columns` outputs (of one group), each of `taps` positions of `depth` inputs:
// [columns][taps][depth], which is OHWI with the two spatial dimensions taken as one. Dense layers have one tap.

// Bytes of the packed weights of one panel (`nr` columns): panel p, which holds columns p·nr …, begins p of these after
// the base. For all three igemm families.
size_t igemm_panel_size(const kernel *_Nonnull kernel, size_t taps, size_t depth);
// Bytes of all panels.
size_t igemm_packed_size(const kernel *_Nonnull kernel, size_t columns, size_t taps, size_t depth);

// A null `bias` [columns] is zeros.
void f32_igemm_pack(const kernel *_Nonnull kernel, size_t columns, size_t taps, size_t depth,
                    const float *_Nonnull weights, const float *_Nullable bias, void *_Nonnull packed);
// `zero_point` is the input's: its part of the products goes into the packed bias.
void qs8_igemm_pack(const kernel *_Nonnull kernel, size_t columns, size_t taps, size_t depth,
                    const int8_t *_Nonnull weights, const int32_t *_Nullable bias, int32_t zero_point,
                    void *_Nonnull packed);
void qs8_f32_igemm_pack(const kernel *_Nonnull kernel, size_t columns, size_t taps, size_t depth,
                        const int8_t *_Nonnull weights, void *_Nonnull packed);

// The weights [columns][3][3][depth] of a convolution by Winograd's F(4×4, 3×3), transformed, and packed for the f32_igemm
// kernel that multiplies: place p of the 36 begins p times igemm_packed_size(kernel, columns, 1, depth) after the base.
void f32_winograd_pack(const kernel *_Nonnull kernel, size_t columns, size_t depth, const float *_Nonnull weights,
                       void *_Nonnull packed);

// The same in whole numbers, for s16_gemm. Bytes of the packed weights of one panel and of one place, and the packing: place p
// begins p times s16_gemm_packed_size after the base.
size_t s16_gemm_panel_size(const kernel *_Nonnull kernel, size_t depth);
size_t s16_gemm_packed_size(const kernel *_Nonnull kernel, size_t columns, size_t depth);
void qs8_winograd_pack(const kernel *_Nonnull kernel, size_t columns, size_t depth, const int8_t *_Nonnull weights,
                       void *_Nonnull packed);
// Whether Winograd's tiles give the very sums of the convolution, for all inputs of that zero point: whether no sum of a
// column's products, without its bias, can leave [−2^25, 2^25).
bool qs8_winograd_is_exact(size_t columns, size_t depth, const int8_t *_Nonnull weights, int32_t zero_point);

// Depthwise weights [height][width][channels]. Bytes of the packed weights of one block (`nr` channels); block b, which
// holds channels b·nr …, begins b of these after the base.
size_t dwconv_block_size(const kernel *_Nonnull kernel, size_t height, size_t width);
size_t dwconv_packed_size(const kernel *_Nonnull kernel, size_t channels, size_t height, size_t width);

void f32_dwconv_pack(const kernel *_Nonnull kernel, size_t channels, size_t height, size_t width,
                     const float *_Nonnull weights, const float *_Nullable bias, void *_Nonnull packed);
void qs8_dwconv_pack(const kernel *_Nonnull kernel, size_t channels, size_t height, size_t width,
                     const int8_t *_Nonnull weights, const int32_t *_Nullable bias, int32_t zero_point,
                     void *_Nonnull packed);
void qs8_f32_dwconv_pack(const kernel *_Nonnull kernel, size_t channels, size_t height, size_t width,
                         const int8_t *_Nonnull weights, void *_Nonnull packed);

// `output[i·repeats + r] = input[i]`: turns a depthwise convolution with depth multiplier `repeats` into a plain one.
// `size` is bytes per element, 1 or 4.
void kernels_repeat(size_t count, size_t size, size_t repeats, const void *_Nonnull input, void *_Nonnull output);

// MARK: Measuring

// Multiply-accumulates per second of an igemm or s16_gemm kernel on one thread, at a shape whose operands it makes up itself in
// `workspace` (`kernels_measure_igemm_workspace` bytes). Runs for about `milliseconds`. NaN for kernels of another family.
size_t kernels_measure_igemm_workspace(const kernel *_Nonnull kernel, size_t rows, size_t columns, size_t taps,
                                       size_t depth);
double kernels_measure_igemm(const kernel *_Nonnull kernel, size_t rows, size_t columns, size_t taps, size_t depth,
                             unsigned milliseconds, void *_Nonnull workspace);
// The same for a dwconv kernel: one output row of `pixels`, window `height` × `width`, stride `stride`. NaN, too, for
// a kernel made for another window.
size_t kernels_measure_dwconv_workspace(const kernel *_Nonnull kernel, size_t pixels, size_t channels, size_t height,
                                        size_t width, size_t stride);
double kernels_measure_dwconv(const kernel *_Nonnull kernel, size_t pixels, size_t channels, size_t height,
                              size_t width, size_t stride, unsigned milliseconds, void *_Nonnull workspace);

// The most multiply-accumulates a second that one thread makes by the instructions of a tier, of f32 or of s8 summed in s32, with
// nothing loaded or stored. NaN where they are not written out but left to the compiler: the scalar tier.
double kernels_measure_peak(kernels_isa isa, bool is_s8, unsigned milliseconds);

#ifdef __cplusplus
}
#endif
