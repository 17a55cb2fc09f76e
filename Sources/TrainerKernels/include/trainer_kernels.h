// The Trainer's inner loops on the CPU, everything but matrix products. Plain C that compilers vectorize, built once per
// instruction set; the right one is taken when the program is loaded.
//
// None allocates, none starts a thread. Images are [height, width, channels]; counts are elements. Functions marked
// "slack" may read, and where they say so write, up to TRAINER_SLACK elements past the end of what they are given.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRAINER_SLACK 16

// Codes of the element-wise functions: Format's `Activation`, 0 being none.
enum {
  TRAINER_NONE,
  TRAINER_RELU,
  TRAINER_RELU6,
  TRAINER_SIGMOID,
  TRAINER_TANH,
  TRAINER_HARD_SIGMOID,
  TRAINER_HARD_SWISH,
  TRAINER_GELU,
  TRAINER_SILU,
  TRAINER_LEAKY_RELU,
  TRAINER_THRESHOLD,
};

typedef struct {
  int code;
  float slope;  // of the leaky ReLU
} trainer_function;

// A window over an image that is already padded: sizes in pixels, `width` and `channels` of the padded image, which has
// `channels` in all, of which `group_channels` from `first_channel` on are looked at.
typedef struct {
  ptrdiff_t width, channels;
  ptrdiff_t first_channel, group_channels;
  ptrdiff_t kernel_height, kernel_width;
  ptrdiff_t stride_height, stride_width;
  ptrdiff_t dilation_height, dilation_width;
  ptrdiff_t output_width;
} trainer_window;

// patches.c

// Copies an image into the middle of a padded one, whose border becomes 0.
void trainer_pad(const float *_Nonnull image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t top,
                 ptrdiff_t left, ptrdiff_t bottom, ptrdiff_t right, float *_Nonnull padded);
// The reverse: the middle of a padded image.
void trainer_crop(const float *_Nonnull padded, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t top,
                  ptrdiff_t left, ptrdiff_t right, float *_Nonnull image);
// patches [output pixels of `rows` output rows from `first_row` on, kernel_height, kernel_width, group_channels].
// Slack: reads past the padded image, writes past the patches.
void trainer_gather_patches(const trainer_window *_Nonnull window, const float *_Nonnull padded, ptrdiff_t first_row,
                            ptrdiff_t rows, float *_Nonnull patches);
// Adds the patches' elements to the places of the padded image that they came from. Slack: reads past the patches, reads
// and rewrites unchanged past the padded image.
void trainer_scatter_patches(const trainer_window *_Nonnull window, const float *_Nonnull patches, ptrdiff_t first_row,
                             ptrdiff_t rows, float *_Nonnull padded);

// turned [inputs, taps, outputs]: the weights [outputs, taps, inputs] turned by 180°, outputs and inputs exchanged.
void trainer_turn_weights(const float *_Nonnull weights, ptrdiff_t outputs, ptrdiff_t taps, ptrdiff_t inputs,
                          float *_Nonnull turned);

// narrow.c: convolution with few outputs; all channels in one group, dilation_width 1. Packed weights are
// [⌈outputs / 16⌉, taps, 16], the lanes past the outputs being 0.

void trainer_narrow_pack(const float *_Nonnull weights, ptrdiff_t outputs, ptrdiff_t taps, float *_Nonnull packed);
// weights [outputs, taps] from packed ones.
void trainer_narrow_unpack(const float *_Nonnull packed, ptrdiff_t outputs, ptrdiff_t taps, float *_Nonnull weights);
// output = padded ∗ weights + bias.
void trainer_narrow_convolution(const trainer_window *_Nonnull window, ptrdiff_t output_height, ptrdiff_t outputs,
                                const float *_Nonnull padded, const float *_Nonnull packed,
                                const float *_Nullable bias, float *_Nonnull output);
// packed += gradient of the packed weights; lanes past the outputs get nonsense. Slack: reads past the output gradient.
void trainer_narrow_weight_gradient(const trainer_window *_Nonnull window, ptrdiff_t output_height, ptrdiff_t outputs,
                                    const float *_Nonnull padded, const float *_Nonnull output_gradient,
                                    float *_Nonnull packed);

// weight_gradient.c

// weight_gradient [outputs, kernel_height, kernel_width, group_channels] += output_gradientᵀ · patches. The output gradient is
// [output pixels, outputs], its pixels `gradient_stride` apart. Slack: reads past the padded image.
void trainer_weight_gradient(const trainer_window *_Nonnull window, ptrdiff_t output_height, ptrdiff_t outputs,
                             ptrdiff_t gradient_stride, const float *_Nonnull padded,
                             const float *_Nonnull output_gradient, float *_Nonnull weight_gradient);

// winograd.c: gradient of the weights of a 3×3 convolution in tiles of 4×4 outputs (Winograd's F(4×4, 3×3)).

// Transforms one tile. gradient [16]: pointers to `channels` elements each, line by line; output [36, channels], its places
// `stride` apart. Slack: reads past each pointer's elements, writes past each place's.
void trainer_winograd_gradient(const float *_Nonnull const *_Nonnull gradient, ptrdiff_t channels,
                               float *_Nonnull output, ptrdiff_t stride);
// weight_gradient [outputs, 3, 3, inputs] += the transform of products [36, outputs, inputs], their places `stride` apart.
// Slack: reads past the products.
void trainer_winograd_weight_gradient(const float *_Nonnull products, ptrdiff_t stride, ptrdiff_t outputs,
                                      ptrdiff_t inputs, float *_Nonnull weight_gradient);

// A 3×3 convolution of stride 1 from one image to another.
typedef struct {
  ptrdiff_t height, width, channels;
  ptrdiff_t output_height, output_width, outputs;
  ptrdiff_t top, left;
} trainer_zero_windows;

// Whether an output's whole window is 0; memory [output_height, output_width] becomes 1 where it is, 0 elsewhere. Behind it are
// (height + 1) · output_width + 2 bytes of working memory.
int trainer_find_zero_windows(const trainer_zero_windows *_Nonnull windows, const float *_Nonnull image,
                              unsigned char *_Nonnull memory);
// Writes `value` [outputs] where an output's whole window is 0. There the products of a tile add up to 0 but for rounding, and
// exactly the bias is due: it may lie on a ReLU's kink.
void trainer_settle_zero_windows(const trainer_zero_windows *_Nonnull windows, const unsigned char *_Nonnull found,
                                 const float *_Nonnull value, float *_Nonnull output);

// elementwise.c

// values [rows, columns], the rows `stride` apart: activation(value + bias[column]).
void trainer_bias_activation(float *_Nonnull values, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                             const float *_Nullable bias, trainer_function activation);
void trainer_activation(trainer_function activation, const float *_Nonnull input, float *_Nonnull output, ptrdiff_t count);
// input_gradient = output_gradient · f′, computed from f's results, or from its arguments for hard swish, GELU and SiLU;
// the gradients may be the same memory.
void trainer_activation_gradient(trainer_function activation, const float *_Nonnull values,
                                 const float *_Nonnull output_gradient, float *_Nonnull input_gradient,
                                 ptrdiff_t count);
// output may be a or b.
void trainer_add(const float *_Nonnull a, const float *_Nonnull b, float *_Nonnull output, ptrdiff_t count);
// a [pixels, channels] · b [channels] → output [pixels, channels]
void trainer_multiply(ptrdiff_t pixels, ptrdiff_t channels, const float *_Nonnull a, const float *_Nonnull b,
                      float *_Nonnull output);
// a_gradient = output_gradient · b, which may be the same memory; b_gradient = Σ over pixels of output_gradient · a. None
// is written where null.
void trainer_multiply_gradient(ptrdiff_t pixels, ptrdiff_t channels, const float *_Nonnull a, const float *_Nonnull b,
                               const float *_Nonnull output_gradient, float *_Nullable a_gradient,
                               float *_Nullable b_gradient);
// Sums `parts` arrays of `count` elements that lie `stride` apart, in their order.
void trainer_sum_parts(const float *_Nonnull parts, ptrdiff_t number, ptrdiff_t stride, float *_Nonnull sum,
                       ptrdiff_t count);
// sums[column] += Σ over rows of values [rows, columns].
void trainer_column_sums(const float *_Nonnull values, ptrdiff_t rows, ptrdiff_t columns, float *_Nonnull sums);
double trainer_sum_of_squares(const float *_Nonnull values, ptrdiff_t count);
// Elements `first`... of a dropout, `first` being a multiple of 4: see `DropoutMask`. output may be input.
void trainer_dropout(uint64_t key, uint32_t stream, uint32_t step, uint32_t threshold, float scale, ptrdiff_t first,
                     const float *_Nonnull input, float *_Nonnull output, ptrdiff_t count);
// Softmax of each row; output may be input.
void trainer_softmax(const float *_Nonnull input, float *_Nonnull output, ptrdiff_t rows, ptrdiff_t columns);

// pooling.c

// Extents of a pooling window and of one image.
typedef struct {
  ptrdiff_t height, width, channels;
  ptrdiff_t output_height, output_width;
  ptrdiff_t window_height, window_width;
  ptrdiff_t stride_height, stride_width;
  ptrdiff_t top, left;
} trainer_pool;

// indices: where in the image each maximum was. Slack: reads past the image.
void trainer_max_pool(const trainer_pool *_Nonnull pool, const float *_Nonnull image, float *_Nonnull output,
                      int32_t *_Nonnull indices);
void trainer_max_pool_gradient(const trainer_pool *_Nonnull pool, const int32_t *_Nonnull indices,
                               const float *_Nonnull output_gradient, float *_Nonnull image_gradient);
void trainer_average_pool(const trainer_pool *_Nonnull pool, const float *_Nonnull image, float *_Nonnull output);
void trainer_average_pool_gradient(const trainer_pool *_Nonnull pool, const float *_Nonnull output_gradient,
                                   float *_Nonnull image_gradient);

// depthwise.c: `multiplier` outputs per channel; weights [kernel_height, kernel_width, channels · multiplier].

// output += padded ∗ weights.
void trainer_depthwise(const trainer_window *_Nonnull window, ptrdiff_t output_height, ptrdiff_t multiplier,
                       const float *_Nonnull padded, const float *_Nonnull weights, float *_Nonnull output);
// padded_gradient += …, weight_gradient += …; a null one is not computed.
void trainer_depthwise_gradient(const trainer_window *_Nonnull window, ptrdiff_t output_height, ptrdiff_t multiplier,
                                const float *_Nonnull padded, const float *_Nonnull weights,
                                const float *_Nonnull output_gradient, float *_Nullable padded_gradient,
                                float *_Nonnull weight_gradient);

// batch_norm.c: values [rows, width], width being the channels of one pixel or of several side by side. Constants per column are
// [width]. Slack: reads past values and constants.

// A function made of straight lines: below · v up to 0, then v, then from `limit` on that.
typedef struct {
  float below, limit;
} trainer_ramp;

// What a normalization computes with, per column: its mean, and x · factor + term, its result.
typedef struct {
  const float *_Nonnull mean, *_Nonnull factor, *_Nonnull term;
} trainer_normalization;

// sums [2, width] += Σ (x − pivot) and Σ (x − pivot)².
void trainer_moments(const float *_Nonnull values, ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull pivot,
                     double *_Nonnull sums);
// output = ramp(input · factor + term + residual); output may be input or residual.
void trainer_normalize(const float *_Nonnull input, ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull factor,
                       const float *_Nonnull term, const float *_Nullable residual, trainer_ramp ramp,
                       float *_Nonnull output);
// sums [2, width] += Σ g and Σ g · (x − mean), g being the gradient of the ramp's argument. The slope is told by the ramp's
// `output`, and the gradient becomes g; or by the argument without residual, where `output` is null.
void trainer_batch_norm_sums(const float *_Nonnull input, const float *_Nullable output, float *_Nonnull gradient,
                             ptrdiff_t rows, ptrdiff_t width, const trainer_normalization *_Nonnull normalization,
                             trainer_ramp ramp, double *_Nonnull sums);
// input_gradient = g · a + x · b + c, g being the gradient of the argument of a ramp without residual; input_gradient may be the
// gradient.
void trainer_batch_norm_gradient(const float *_Nonnull input, const float *_Nonnull gradient, ptrdiff_t rows,
                                 ptrdiff_t width, const trainer_normalization *_Nonnull normalization,
                                 trainer_ramp ramp, const float *_Nonnull a, const float *_Nonnull b,
                                 const float *_Nonnull c, float *_Nonnull input_gradient);

// packed_product.c: products with a packed right side, in panels of TRAINER_PANEL columns: [panels, depth, TRAINER_PANEL].

#define TRAINER_PANEL 64

// One panel: element (k, column) of the matrix lies at k · depth_stride + column · column_stride; columns ≤ TRAINER_PANEL.
void trainer_pack_panel(const float *_Nonnull matrix, ptrdiff_t depth, ptrdiff_t depth_stride, ptrdiff_t columns,
                        ptrdiff_t column_stride, float *_Nonnull packed);
// c [rows, columns] = a [rows, depth] · packed, or added to it. Panels lie `panel_stride` apart, so that a part of the
// packed depth can be used.
void trainer_packed_product(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth, const float *_Nonnull a,
                            ptrdiff_t a_stride, const float *_Nonnull packed, ptrdiff_t panel_stride,
                            float *_Nonnull c, ptrdiff_t c_stride, int adding);

// recurrent.c: one step of a recurrent layer behind its products, for `rows` images. `gates` holds the products' sums and
// becomes what the gradient needs, then the sums' gradient: [rows, units] (RNN), [rows, 4, units] with i, f, g, o (LSTM) or
// r, z, n, q (GRU, q being the recurrent part of n). Biases have the same order. cell values and gradients are [rows, units];
// rows of hidden values and of outputs lie `stride` apart. The hidden gradient comes from the step behind, the output's may
// be null for 0.

void trainer_rnn_step(ptrdiff_t rows, ptrdiff_t units, const float *_Nonnull sums, const float *_Nonnull bias,
                      float *_Nonnull hidden, ptrdiff_t hidden_stride, float *_Nonnull output, ptrdiff_t output_stride);
void trainer_rnn_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *_Nonnull hidden, ptrdiff_t hidden_stride,
                               const float *_Nullable output_gradient, ptrdiff_t output_stride,
                               const float *_Nonnull hidden_gradient, float *_Nonnull sums);
void trainer_lstm_step(ptrdiff_t rows, ptrdiff_t units, float *_Nonnull gates, const float *_Nonnull bias,
                       const float *_Nonnull cell_before, float *_Nonnull cell, float *_Nonnull hidden,
                       ptrdiff_t hidden_stride, float *_Nonnull output, ptrdiff_t output_stride);
// cell_gradient becomes that of cell_before.
void trainer_lstm_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *_Nonnull cell_before,
                                const float *_Nonnull cell, const float *_Nullable output_gradient,
                                ptrdiff_t output_stride, const float *_Nonnull hidden_gradient,
                                float *_Nonnull cell_gradient, float *_Nonnull gates);
void trainer_gru_step(ptrdiff_t rows, ptrdiff_t units, float *_Nonnull gates, const float *_Nonnull bias,
                      const float *_Nonnull hidden_before, float *_Nonnull hidden, ptrdiff_t hidden_stride,
                      float *_Nonnull output, ptrdiff_t output_stride);
// hidden_gradient becomes the part of hidden_before's that goes around the gates.
void trainer_gru_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *_Nonnull hidden_before,
                               ptrdiff_t hidden_stride, const float *_Nullable output_gradient,
                               ptrdiff_t output_stride, float *_Nonnull hidden_gradient, float *_Nonnull gates);

// optimizers.c: one step of `Optimizer`, the gradient being g + penalty · w; the step
// itself starts from w − decay · w.

void trainer_sgd(float *_Nonnull weights, const float *_Nonnull gradient, ptrdiff_t count, float rate, float penalty,
                 float decay);
void trainer_momentum(float *_Nonnull weights, const float *_Nonnull gradient, float *_Nonnull velocity,
                      ptrdiff_t count, float rate, float penalty, float decay, float momentum);
void trainer_nesterov(float *_Nonnull weights, const float *_Nonnull gradient, float *_Nonnull velocity,
                      ptrdiff_t count, float rate, float penalty, float decay, float momentum);
// square = keep · square + share · g²: AdaGrad with 1 and 1, RMSProp with ρ and 1 − ρ.
void trainer_root_mean_square(float *_Nonnull weights, const float *_Nonnull gradient, float *_Nonnull square,
                              ptrdiff_t count, float rate, float penalty, float decay, float keep, float share,
                              float epsilon);

typedef struct {
  float beta1, beta2, epsilon;
  // 1 / (1 − βᵗ)
  float correction1, correction2;
} trainer_adam_step;

void trainer_adam(float *_Nonnull weights, const float *_Nonnull gradient, float *_Nonnull mean,
                  float *_Nonnull square, ptrdiff_t count, float rate, float penalty, float decay,
                  trainer_adam_step step);

// values = values · factor.
void trainer_scale(float *_Nonnull values, ptrdiff_t count, float factor);
// values = min(max(values, −limit), limit); NaN stays.
void trainer_clamp(float *_Nonnull values, ptrdiff_t count, float limit);
// average = average + share · (values − average).
void trainer_move_average(float *_Nonnull average, const float *_Nonnull values, ptrdiff_t count, float share);

// Tells the CPU that this is a spinning loop.
void trainer_relax(void);

#ifdef __cplusplus
}
#endif
