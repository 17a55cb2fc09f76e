// Forward products of dense layers on CPUs, for batches too small to pay for packed weights: rows of examples and rows of
// weights are both read as they lie, and the lanes of their products are added up at the end.

#define ALWAYS_INLINE static inline __attribute__((always_inline))
// The register tile is ROWS × 4 vectors: AVX-512 has 32 registers, others 16.
#define ROWS (VEC == 16 ? 4 : 2)
// Elements that are multiplied at a time: four rows of weights stay in the first-level cache.
#define DEPTH 1024

// Sums of the lanes of four vectors.
static inline float4 lane_sums(floatv a, floatv b, floatv c, floatv d) {
#if VEC == 16
  float8 a8 = a.lo + a.hi, b8 = b.lo + b.hi, c8 = c.lo + c.hi, d8 = d.lo + d.hi;
#elif VEC == 8
  float8 a8 = a, b8 = b, c8 = c, d8 = d;
#endif
#if VEC > 4
  float4 p = a8.lo + a8.hi, q = b8.lo + b8.hi, r = c8.lo + c8.hi, s = d8.lo + d8.hi;
#else
  float4 p = a, q = b, r = c, s = d;
#endif
  return (float4)(p.x, q.x, r.x, s.x) + (float4)(p.y, q.y, r.y, s.y) +
         ((float4)(p.z, q.z, r.z, s.z) + (float4)(p.w, q.w, r.w, s.w));
}

// output [rows, columns] = input · weightsᵀ over `depth` elements; `adding`: to what it has; `is_last`: then the bias is added
// and the sum cut to [low, high].
ALWAYS_INLINE void dense_tile(const int rows, const int columns, global const float *input, global const float *weights,
                              int pitch, int depth, bool adding, bool is_last, global const float *bias, float low,
                              float high, global float *output, int output_pitch) {
  floatv sum[ROWS][4];
#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) sum[i][j] = 0;
  }
  int k = 0;
  for (; k + VEC <= depth; k += VEC) {
    floatv right[4];
#pragma unroll
    for (int j = 0; j < columns; j++) right[j] = LOADV(weights + j * pitch + k);
#pragma unroll
    for (int i = 0; i < rows; i++) {
      floatv left = LOADV(input + i * pitch + k);
#pragma unroll
      for (int j = 0; j < columns; j++) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
  }
  if (k < depth) {
    // Behind the rows lies what is not theirs.
    intv exist = lane_numbers() < depth - k;
#pragma unroll
    for (int i = 0; i < rows; i++) {
      floatv left = select((floatv)0, LOADV(input + i * pitch + k), exist);
#pragma unroll
      for (int j = 0; j < columns; j++)
        sum[i][j] = fma(left, select((floatv)0, LOADV(weights + j * pitch + k), exist), sum[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
    float4 value = lane_sums(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
    global float *target = output + i * output_pitch;
    if (columns == 4) {
      if (adding) value += vload4(0, target);
      if (is_last) value = clamp(value + (bias ? vload4(0, bias) : (float4)0), low, high);
      vstore4(value, 0, target);
    } else {
      float one = value.x + (adding ? *target : 0);
      *target = is_last ? clamp(one + (bias ? *bias : 0), low, high) : one;
    }
  }
}

// output [rows, outputs] = min(max(input [rows, inputs] · weights [outputs, inputs]ᵀ + bias, low), high). Work-groups of one
// work-item: blocks of outputs, blocks of rows.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void dense_rows(
    global const float *restrict input, ulong input_offset, global const float *restrict weights, ulong weights_offset,
    global const float *restrict bias, ulong bias_offset, global float *restrict output, ulong output_offset, int rows,
    int inputs, int outputs, int output_block, int row_block, int has_bias, float low, float high) {
  SLICE(input), SLICE(weights), SLICE(bias), SLICE(output);
  int first_column = get_group_id(0) * output_block;
  int last_column = min(first_column + output_block, outputs);
  int first_row = get_group_id(1) * row_block;
  int last_row = min(first_row + row_block, rows);
  for (int k = 0; k < inputs; k += DEPTH) {
    int depth = min(DEPTH, inputs - k);
    bool is_last = k + depth == inputs;
    for (int column = first_column; column < last_column;) {
      bool is_wide = last_column - column >= 4;
      global const float *w = weights + (size_t)column * inputs + k;
      global const float *b = has_bias ? bias + column : 0;
      for (int row = first_row; row < last_row;) {
        bool is_high = last_row - row >= ROWS;
        global const float *x = input + (size_t)row * inputs + k;
        global float *y = output + (size_t)row * outputs + column;
        if (is_high && is_wide)
          dense_tile(ROWS, 4, x, w, inputs, depth, k > 0, is_last, b, low, high, y, outputs);
        else if (is_high)
          dense_tile(ROWS, 1, x, w, inputs, depth, k > 0, is_last, b, low, high, y, outputs);
        else if (is_wide)
          dense_tile(1, 4, x, w, inputs, depth, k > 0, is_last, b, low, high, y, outputs);
        else
          dense_tile(1, 1, x, w, inputs, depth, k > 0, is_last, b, low, high, y, outputs);
        row += is_high ? ROWS : 1;
      }
      column += is_wide ? 4 : 1;
    }
  }
}
