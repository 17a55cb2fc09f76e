// A 3×3 convolution of stride 1 by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): an output tile of 4×4 pixels comes from a
// patch of 6×6 inputs by 36 products instead of 144. Patches, weights and output gradients are transformed to 36 places
// each; at every place a matrix product sums over channels (gemm_panel.cl, gemm_local.cl), or, for weight gradients, over
// tiles. docs/kernels.md has the arithmetic and its error.
//
// Transforms lie [place, tile of the block, channel], with a gap between places. Work-items: vectors of channels, tiles of
// the block; for weights columns and rows of the matrix.

#define SIDE 4
#define PATCH 6
// Elements from one place of a block to the next. Without the gap all places of a tile would often share a set of the cache.
#define PLACE_PITCH(w) ((size_t)(w).tiles * (w).channels + 16)

// Where a tile of the block is: its image, and its first output's row and column there.
static inline place tile_place(int number, opencl_winograd w) {
  int tile = w.first_tile + number;
  place at;
  at.image = tile / w.tiles_per_image;
  int within = tile - at.image * w.tiles_per_image;
  at.y = within / w.tiles_across * SIDE;
  at.x = within % w.tiles_across * SIDE;
  return at;
}

// Bᵀ · d for one column d of a patch.
static inline void transform_patch_column(const floatv d[PATCH], floatv result[PATCH]) {
  floatv a = d[4] - 4 * d[2];
  floatv b = d[3] - 4 * d[1];
  floatv c = d[4] - d[2];
  floatv e = 2 * (d[3] - d[1]);
  result[0] = 4 * d[0] - 5 * d[2] + d[4];
  result[1] = a + b;
  result[2] = a - b;
  result[3] = c + e;
  result[4] = c - e;
  result[5] = 4 * d[1] - 5 * d[3] + d[5];
}

// Bᵀ · patch · B.
kernel void winograd_patches(global const float *restrict image, ulong image_offset, global float *restrict result,
                             ulong result_offset, opencl_winograd w) {
  SLICE(image), SLICE(result);
  int channel = get_global_id(0) * VEC;
  int tile = get_global_id(1);
  if (channel >= w.channels || tile >= w.tiles) return;
  place at = tile_place(tile, w);
  image += (size_t)at.image * w.height * w.width * w.channels + channel;
  floatv half_done[PATCH][PATCH];
#pragma unroll
  for (int x = 0; x < PATCH; x++) {
    floatv column[PATCH];
#pragma unroll
    for (int y = 0; y < PATCH; y++) {
      int from_y = at.y + y - w.top;
      int from_x = at.x + x - w.left;
      bool inside = from_y >= 0 && from_y < w.height && from_x >= 0 && from_x < w.width;
      column[y] = inside ? LOADV(image + (from_y * w.width + from_x) * w.channels) : (floatv)0;
    }
    floatv transformed[PATCH];
    transform_patch_column(column, transformed);
#pragma unroll
    for (int y = 0; y < PATCH; y++) half_done[y][x] = transformed[y];
  }
  size_t pitch = PLACE_PITCH(w);
  result += (size_t)tile * w.channels + channel;
#pragma unroll
  for (int y = 0; y < PATCH; y++) {
    floatv transformed[PATCH];
    transform_patch_column(half_done[y], transformed);
#pragma unroll
    for (int x = 0; x < PATCH; x++) store_lanes(transformed[x], w.channels - channel, result + (y * PATCH + x) * pitch);
  }
}

// A · g for one column g of a tile of output gradients.
static inline void transform_gradient_column(const floatv g[SIDE], floatv result[PATCH]) {
  floatv even = g[0] + g[2];
  floatv odd = g[1] + g[3];
  floatv even4 = g[0] + 4 * g[2];
  floatv odd4 = 2 * g[1] + 8 * g[3];
  result[0] = g[0];
  result[1] = even + odd;
  result[2] = even - odd;
  result[3] = even4 + odd4;
  result[4] = even4 - odd4;
  result[5] = g[3];
}

// A · tile · Aᵀ of the output's gradient.
kernel void winograd_gradients(global const float *restrict gradient, ulong gradient_offset,
                               global float *restrict result, ulong result_offset, opencl_winograd w) {
  SLICE(gradient), SLICE(result);
  int channel = get_global_id(0) * VEC;
  int tile = get_global_id(1);
  if (channel >= w.channels || tile >= w.tiles) return;
  place at = tile_place(tile, w);
  gradient += (size_t)at.image * w.height * w.width * w.channels + channel;
  floatv half_done[PATCH][SIDE];
#pragma unroll
  for (int x = 0; x < SIDE; x++) {
    floatv column[SIDE];
#pragma unroll
    for (int y = 0; y < SIDE; y++) {
      bool inside = at.y + y < w.height && at.x + x < w.width;
      column[y] = inside ? LOADV(gradient + ((at.y + y) * w.width + at.x + x) * w.channels) : (floatv)0;
    }
    floatv transformed[PATCH];
    transform_gradient_column(column, transformed);
#pragma unroll
    for (int y = 0; y < PATCH; y++) half_done[y][x] = transformed[y];
  }
  size_t pitch = PLACE_PITCH(w);
  result += (size_t)tile * w.channels + channel;
#pragma unroll
  for (int y = 0; y < PATCH; y++) {
    floatv transformed[PATCH];
    transform_gradient_column(half_done[y], transformed);
#pragma unroll
    for (int x = 0; x < PATCH; x++) store_lanes(transformed[x], w.channels - channel, result + (y * PATCH + x) * pitch);
  }
}

// Aᵀ · m for one column m of products.
static inline void transform_product_column(const floatv m[PATCH], floatv result[SIDE]) {
  floatv sum = m[1] + m[2];
  floatv difference = m[1] - m[2];
  floatv sum2 = m[3] + m[4];
  floatv difference2 = m[3] - m[4];
  result[0] = m[0] + sum + sum2;
  result[1] = difference + 2 * difference2;
  result[2] = sum + 4 * sum2;
  result[3] = difference + 8 * difference2 + m[5];
}

// output = min(max(Aᵀ · products · A + bias, low), high).
kernel void winograd_outputs(global const float *restrict products, ulong products_offset,
                             global const float *restrict bias, ulong bias_offset, global float *restrict output,
                             ulong output_offset, opencl_winograd w, int has_bias, float low, float high) {
  SLICE(products), SLICE(bias), SLICE(output);
  int channel = get_global_id(0) * VEC;
  int tile = get_global_id(1);
  if (channel >= w.channels || tile >= w.tiles) return;
  place at = tile_place(tile, w);
  size_t pitch = PLACE_PITCH(w);
  products += (size_t)tile * w.channels + channel;
  floatv half_done[SIDE][PATCH];
#pragma unroll
  for (int x = 0; x < PATCH; x++) {
    floatv column[PATCH];
#pragma unroll
    for (int y = 0; y < PATCH; y++) column[y] = LOADV(products + (y * PATCH + x) * pitch);
    floatv transformed[SIDE];
    transform_product_column(column, transformed);
#pragma unroll
    for (int y = 0; y < SIDE; y++) half_done[y][x] = transformed[y];
  }
  floatv term = has_bias ? LOADV(bias + channel) : (floatv)0;
  output += (((size_t)at.image * w.height + at.y) * w.width + at.x) * w.channels + channel;
#pragma unroll
  for (int y = 0; y < SIDE; y++) {
    floatv transformed[SIDE];
    transform_product_column(half_done[y], transformed);
#pragma unroll
    for (int x = 0; x < SIDE; x++) {
      if (at.y + y < w.height && at.x + x < w.width)
        store_lanes(min(max(transformed[x] + term, low), high), w.channels - channel,
                    output + (y * w.width + x) * w.channels);
    }
  }
}

// G · k for one column k of a kernel.
static inline void transform_weight_column(const floatv k[3], floatv result[PATCH]) {
  floatv sum = -(k[0] + k[2]) / 6;
  floatv middle = k[1] / 6;
  floatv sum2 = k[0] / 24 + k[2] / 6;
  floatv middle2 = k[1] / 12;
  result[0] = k[0] / 4;
  result[1] = sum - middle;
  result[2] = sum + middle;
  result[3] = sum2 + middle2;
  result[4] = sum2 - middle2;
  result[5] = k[2];
}

// packed [place] = G · kernel · Gᵀ as the matrix [depth, columns] of a product, in panels. The kernel of row k and column n
// has its tap t at source[first + k · depth_pitch + n · column_pitch + t · tap_pitch]. Work-items: vectors of columns with
// the padding of the last panel, rows.
kernel void winograd_weights(global const float *restrict source, ulong source_offset, global float *restrict packed,
                             ulong packed_offset, opencl_winograd_packing p) {
  SLICE(source), SLICE(packed);
  int n = get_global_id(0) * VEC;
  int k = get_global_id(1);
  int width = (p.columns + p.panel - 1) / p.panel * p.panel;
  if (n >= width || k >= p.depth) return;
  source += p.first + k * p.depth_pitch;
  floatv half_done[PATCH][3];
#pragma unroll
  for (int x = 0; x < 3; x++) {
    floatv column[3];
#pragma unroll
    for (int y = 0; y < 3; y++) {
      global const float *tap = source + (y * 3 + x) * p.tap_pitch;
      float all[VEC];
#pragma unroll
      for (int lane = 0; lane < VEC; lane++) all[lane] = tap[min(n + lane, p.columns - 1) * p.column_pitch];
      column[y] = LOADV(all);
    }
    floatv transformed[PATCH];
    transform_weight_column(column, transformed);
#pragma unroll
    for (int y = 0; y < PATCH; y++) half_done[y][x] = transformed[y];
  }
  int panel = n / p.panel;
  packed += (size_t)panel * p.depth * p.panel + k * p.panel + n - panel * p.panel;
#pragma unroll
  for (int y = 0; y < PATCH; y++) {
    floatv transformed[PATCH];
    transform_weight_column(half_done[y], transformed);
#pragma unroll
    for (int x = 0; x < PATCH; x++)
      store_lanes(transformed[x], width - n, packed + (size_t)(y * PATCH + x) * p.depth * width);
  }
}

// Gᵀ · u for one column u of a transformed kernel's gradient.
static inline void transform_back_column(const floatv u[PATCH], floatv result[3]) {
  floatv sum = (u[1] + u[2]) / 6;
  floatv sum2 = u[3] + u[4];
  result[0] = u[0] / 4 - sum + sum2 / 24;
  result[1] = (u[2] - u[1]) / 6 + (u[3] - u[4]) / 12;
  result[2] = sum2 / 6 - sum + u[5];
}

// gradient [outputs, 3, 3, channels] = Gᵀ · sums · G of sums [place, outputs, channels]. Work-items: vectors of channels,
// outputs.
kernel void winograd_weight_gradients(global const float *restrict sums, ulong sums_offset,
                                      global float *restrict gradient, ulong gradient_offset, int outputs,
                                      int channels) {
  SLICE(sums), SLICE(gradient);
  int channel = get_global_id(0) * VEC;
  int output = get_global_id(1);
  if (channel >= channels || output >= outputs) return;
  size_t pitch = (size_t)outputs * channels;
  sums += (size_t)output * channels + channel;
  floatv half_done[3][PATCH];
#pragma unroll
  for (int x = 0; x < PATCH; x++) {
    floatv column[PATCH];
#pragma unroll
    for (int y = 0; y < PATCH; y++) column[y] = LOADV(sums + (y * PATCH + x) * pitch);
    floatv transformed[3];
    transform_back_column(column, transformed);
#pragma unroll
    for (int y = 0; y < 3; y++) half_done[y][x] = transformed[y];
  }
  gradient += (size_t)output * 9 * channels + channel;
#pragma unroll
  for (int y = 0; y < 3; y++) {
    floatv transformed[3];
    transform_back_column(half_done[y], transformed);
#pragma unroll
    for (int x = 0; x < 3; x++) store_lanes(transformed[x], channels - channel, gradient + (y * 3 + x) * channels);
  }
}
