// Arguments that kernels take by value. The host imports this file, and it stands before the text of every program: so it
// is C and OpenCL C at once, and `int`, which has 32 bits in both, is its only type.
#ifndef OPENCL_ARGUMENTS_H
#define OPENCL_ARGUMENTS_H

// The patches of a convolution: a matrix [pixels of the output, taps × channels] that is never made. An element of a
// patch stands at a pixel of the image, or outside it, and is 0 then. A dense layer's are rows of a matrix: images of one
// pixel and one tap.
typedef struct {
  // Output pixels of all images; elements of a patch.
  int rows, depth;
  int output_height, output_width;
  // The image, and elements from one pixel of it to the next.
  int height, width, pitch;
  // Channels that a patch sees of a pixel.
  int channels;
  int stride_height, stride_width;
  int dilation_height, dilation_width;
  // Padding; negative where the first tap stands inside the image.
  int top, left;
  // The image is taken as one with 0 between its pixels, of which every `upsample`th is its own.
  int upsample_height, upsample_width;
  // Elements of a patch that lie side by side in the image, as far as they are inside, and such runs per kernel row: a
  // whole row, or a tap. And the pixels that a run spans.
  int run, runs, run_pixels;
} opencl_patches;

// A product of patches with a matrix [depth, columns].
typedef struct {
  int columns;
  // Elements from one row of the matrix to the next, and from one panel of columns to the next.
  int matrix_pitch, panel_pitch;
  // Elements from one row of the result to the next.
  int output_pitch;
  // From a group to the next: in the image, the matrix, the bias and the result.
  int group_channels, group_matrix, group_columns;
  // Panels of columns that a work-group computes, and depth that it takes at a time (gemm_panel.cl).
  int panels, chunk;
  int has_bias;
} opencl_product;

// A product of a transposed matrix [rows, outputs] with patches: sums over pixels, cut into splits of `split_rows` rows,
// each of which has a result [groups · outputs, depth] of its own.
typedef struct {
  int outputs;
  // Elements from one row of the matrix to the next.
  int gradient_pitch;
  int group_channels;
  int split_rows;
  int split_pitch;
  // Columns that a work-group computes (gemm_panel.cl).
  int block;
} opencl_weight_product;

// Where a [depth, columns] matrix comes from: element (k, n) is source[first + k / inner · outer_pitch + k % inner ·
// inner_pitch + n · column_pitch]. It goes to panels of `panel` columns, rows side by side.
typedef struct {
  int depth, columns;
  int first, inner, outer_pitch, inner_pitch, column_pitch;
  int panel;
} opencl_packing;

// A window that slides over images: depthwise convolution and pooling.
typedef struct {
  int images;
  int height, width, channels;
  int output_height, output_width;
  int kernel_height, kernel_width;
  int stride_height, stride_width;
  int dilation_height, dilation_width;
  int top, left;
  // Outputs per channel.
  int multiplier;
} opencl_window;

#endif
