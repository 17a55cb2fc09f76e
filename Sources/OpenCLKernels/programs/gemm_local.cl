// Matrix products for GPUs: a work-group computes a TILE_ROWS × TILE_COLUMNS tile of the result, ITEM_ROWS × ITEM_COLUMNS
// of it per work-item in registers; both matrices come through local memory, TILE_DEPTH at a time.
//
// Work-items beside each other take columns beside each other, and read patches beside each other.

#define ITEMS_X (TILE_COLUMNS / ITEM_COLUMNS)
#define ITEMS_Y (TILE_ROWS / ITEM_ROWS)
#define ITEMS (ITEMS_X * ITEMS_Y)
// Rows of patches that all work-items gather at a time.
#define ROWS_STEP (ITEMS / TILE_DEPTH)

// An element of a patch, apart from its pixel.
typedef struct {
  int y, x, channel;
} tap;

static inline tap tap_of(opencl_patches p, int k) {
  int number = k / p.run;
  int within = k - number * p.run;
  int row = number / p.runs;
  int pixel = within / p.channels;
  tap result;
  result.y = row * p.dilation_height;
  result.x = (number - row * p.runs) * p.dilation_width + pixel;
  result.channel = within - pixel * p.channels;
  return result;
}

static inline float patch_element(global const float *image, opencl_patches p, place at, tap tap) {
  int y = at.y + tap.y;
  int x = at.x + tap.x;
  if (p.upsample_height * p.upsample_width > 1) {
    if (y < 0 || x < 0 || y % p.upsample_height != 0 || x % p.upsample_width != 0) return 0;
    y /= p.upsample_height;
    x /= p.upsample_width;
  }
  if (y < 0 || x < 0 || y >= p.height || x >= p.width) return 0;
  return image[((size_t)(at.image * p.height + y) * p.width + x) * p.pitch + tap.channel];
}

// sum += leftᵀ · right, both [TILE_DEPTH, …] in local memory.
static inline void multiply(local const float *left, local const float *right, float sum[ITEM_ROWS][ITEM_COLUMNS]) {
  int x = get_local_id(0) % ITEMS_X;
  int y = get_local_id(0) / ITEMS_X;
#pragma unroll
  for (int k = 0; k < TILE_DEPTH; k++) {
    float a[ITEM_ROWS];
    float b[ITEM_COLUMNS];
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) a[i] = left[k * (TILE_ROWS + 1) + y + i * ITEMS_Y];
#pragma unroll
    for (int j = 0; j < ITEM_COLUMNS; j++) b[j] = right[k * TILE_COLUMNS + x + j * ITEMS_X];
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
#pragma unroll
      for (int j = 0; j < ITEM_COLUMNS; j++) sum[i][j] = fma(a[i], b[j], sum[i][j]);
    }
  }
}

// output [rows, columns] = min(max(patches · matrix + bias, low), high). Work-groups: tiles of rows, tiles of columns,
// groups of channels.
kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void gemm_rows(
    global const float *restrict image, ulong image_offset, global const float *restrict matrix, ulong matrix_offset,
    global const float *restrict bias, ulong bias_offset, global float *restrict output, ulong output_offset,
    opencl_patches patches, opencl_product product, float low, float high) {
  SLICE(image), SLICE(matrix), SLICE(bias), SLICE(output);
  // One more than rows: work-items that write a column of it meet different banks.
  local float left[TILE_DEPTH * (TILE_ROWS + 1)];
  local float right[TILE_DEPTH * TILE_COLUMNS];
  int item = get_local_id(0);
  int group = get_group_id(2);
  image += group * product.group_channels;
  matrix += (size_t)group * product.group_matrix;
  bias += group * product.group_columns;
  output += group * product.group_columns;
  int first_row = get_group_id(0) * TILE_ROWS;
  int first_column = get_group_id(1) * TILE_COLUMNS;

  // Each work-item gathers one column of some rows, whose places stay.
  place places[TILE_ROWS / ROWS_STEP];
#pragma unroll
  for (int i = 0; i < TILE_ROWS / ROWS_STEP; i++)
    places[i] = PLACE(first_row + item / TILE_DEPTH + i * ROWS_STEP, patches);
  float sum[ITEM_ROWS][ITEM_COLUMNS];
#pragma unroll
  for (int i = 0; i < ITEM_ROWS; i++) {
#pragma unroll
    for (int j = 0; j < ITEM_COLUMNS; j++) sum[i][j] = 0;
  }
  for (int first_k = 0; first_k < patches.depth; first_k += TILE_DEPTH) {
    int k = first_k + item % TILE_DEPTH;
    tap tap = tap_of(patches, k);
#pragma unroll
    for (int i = 0; i < TILE_ROWS / ROWS_STEP; i++) {
      int row = item / TILE_DEPTH + i * ROWS_STEP;
      bool exists = k < patches.depth && first_row + row < patches.rows;
      left[item % TILE_DEPTH * (TILE_ROWS + 1) + row] = exists ? patch_element(image, patches, places[i], tap) : 0;
    }
    for (int i = item; i < TILE_DEPTH * TILE_COLUMNS; i += ITEMS) {
      int row = first_k + i / TILE_COLUMNS;
      int column = first_column + i % TILE_COLUMNS;
      bool exists = row < patches.depth && column < product.columns;
      right[i] = exists ? matrix[(size_t)row * product.matrix_pitch + column] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(left, right, sum);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
#pragma unroll
  for (int i = 0; i < ITEM_ROWS; i++) {
    int row = first_row + item / ITEMS_X + i * ITEMS_Y;
#pragma unroll
    for (int j = 0; j < ITEM_COLUMNS; j++) {
      int column = first_column + item % ITEMS_X + j * ITEMS_X;
      if (row >= patches.rows || column >= product.columns) continue;
      float value = sum[i][j] + (product.has_bias ? bias[column] : 0);
      output[(size_t)row * product.output_pitch + column] = min(max(value, low), high);
    }
  }
}

// result[split] = gradientᵀ · patches over the split's rows. Work-groups: tiles of columns, splits, and groups of
// channels times tiles of outputs.
kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void gemm_weights(
    global const float *restrict image, ulong image_offset, global const float *restrict gradient,
    ulong gradient_offset, global float *restrict result, ulong result_offset, opencl_patches patches,
    opencl_weight_product product) {
  SLICE(image), SLICE(gradient), SLICE(result);
  local float left[TILE_DEPTH * (TILE_ROWS + 1)];
  local float right[TILE_DEPTH * TILE_COLUMNS];
  int item = get_local_id(0);
  int tiles = (product.outputs + TILE_ROWS - 1) / TILE_ROWS;
  int group = get_group_id(2) / tiles;
  int first_output = get_group_id(2) % tiles * TILE_ROWS;
  image += group * product.group_channels;
  gradient += group * product.group_gradient;
  int first_column = get_group_id(0) * TILE_COLUMNS;
  int split = get_group_id(1);
  int first_row = split * product.split_rows;
  int last_row = min(first_row + product.split_rows, patches.rows);
  result += (size_t)split * product.split_pitch + (size_t)group * product.outputs * patches.depth;

  tap tap = tap_of(patches, first_column + item % TILE_COLUMNS);
  bool column_exists = first_column + item % TILE_COLUMNS < patches.depth;
  float sum[ITEM_ROWS][ITEM_COLUMNS];
#pragma unroll
  for (int i = 0; i < ITEM_ROWS; i++) {
#pragma unroll
    for (int j = 0; j < ITEM_COLUMNS; j++) sum[i][j] = 0;
  }
  for (int row = first_row; row < last_row; row += TILE_DEPTH) {
    for (int i = item; i < TILE_DEPTH * TILE_ROWS; i += ITEMS) {
      int k = i / TILE_ROWS;
      int output = first_output + i % TILE_ROWS;
      bool exists = row + k < last_row && output < product.outputs;
      left[k * (TILE_ROWS + 1) + i % TILE_ROWS] =
          exists ? gradient[(size_t)(row + k) * product.gradient_pitch + output] : 0;
    }
    for (int k = item / TILE_COLUMNS; k < TILE_DEPTH; k += ITEMS / TILE_COLUMNS) {
      bool exists = row + k < last_row && column_exists;
      right[k * TILE_COLUMNS + item % TILE_COLUMNS] =
          exists ? patch_element(image, patches, PLACE(row + k, patches), tap) : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    multiply(left, right, sum);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
#pragma unroll
  for (int i = 0; i < ITEM_ROWS; i++) {
    int output = first_output + item / ITEMS_X + i * ITEMS_Y;
#pragma unroll
    for (int j = 0; j < ITEM_COLUMNS; j++) {
      int column = first_column + item % ITEMS_X + j * ITEMS_X;
      if (output >= product.outputs || column >= patches.depth) continue;
      size_t place = (size_t)output * patches.depth + column;
      result[place] = sum[i][j] + (product.adds ? result[place] : 0);
    }
  }
}
