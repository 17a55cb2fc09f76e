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
  // From a group to the next: in the image and in the matrix.
  int group_channels, group_gradient;
  int split_rows;
  int split_pitch;
  // Columns and outputs that a work-group computes (gemm_panel.cl).
  int block, output_block;
  // Whether the sums are added to what the result has.
  int adds;
} opencl_weight_product;

// Where a [depth, columns] matrix comes from: row k being (a · middle + b) · inner + c, element (k, n) is source[first +
// a · outer_pitch + b · middle_pitch + c · inner_pitch + n · column_pitch]. It goes to panels of `panel` columns, rows side
// by side.
typedef struct {
  int depth, columns;
  int first, middle, inner, outer_pitch, middle_pitch, inner_pitch, column_pitch;
  int panel;
} opencl_packing;

// The input's gradient of a strided convolution, in phases: pixels that have the same remainders of row and column. Those of
// a phase lie one behind the other, phases by the remainder of the row, then of the column.
typedef struct {
  int images, height, width, channels;
  int kernel_height, kernel_width, stride_height, stride_width, top, left;
} opencl_phases;

// A block of tiles of Winograd's convolution, and the images that a transform reads or writes: inputs or outputs.
typedef struct {
  int channels, height, width;
  // How far the first tile's patch begins above and to the left of the image.
  int top, left;
  // Tiles side by side, and in an image.
  int tiles_across, tiles_per_image;
  // The block's first tile, counted over all images, and its number of tiles.
  int first_tile, tiles;
} opencl_winograd;

// Where the 3×3 kernels of a [depth, columns] matrix come from: tap t of kernel (k, n) is source[first + k · depth_pitch +
// n · column_pitch + t · tap_pitch]. They go to panels of `panel` columns, rows side by side.
typedef struct {
  int depth, columns;
  int first, depth_pitch, column_pitch, tap_pitch;
  int panel;
} opencl_winograd_packing;

// A convolution over padded images (narrow.cl).
typedef struct {
  int height, width, channels;
  int output_height, output_width, outputs;
  int kernel_height, run;
  int stride_height, stride_width;
  int top, left;
} opencl_narrow;

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
