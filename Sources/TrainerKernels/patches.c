#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

void trainer_pad(const float *image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t top,
                 ptrdiff_t left, ptrdiff_t bottom, ptrdiff_t right, float *padded) {
  ptrdiff_t row = width * channels;
  size_t before = (size_t)(left * channels) * sizeof(float);
  size_t after = (size_t)(right * channels) * sizeof(float);
  ptrdiff_t padded_row = row + (left + right) * channels;
  memset(padded, 0, (size_t)(top * padded_row) * sizeof(float));
  padded += top * padded_row;
  for (ptrdiff_t y = 0; y < height; y++) {
    memset(padded, 0, before);
    memcpy(padded + left * channels, image + y * row, (size_t)row * sizeof(float));
    memset(padded + left * channels + row, 0, after);
    padded += padded_row;
  }
  memset(padded, 0, (size_t)(bottom * padded_row) * sizeof(float));
}

void trainer_crop(const float *padded, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t top,
                  ptrdiff_t left, ptrdiff_t right, float *image) {
  ptrdiff_t row = width * channels;
  ptrdiff_t padded_row = row + (left + right) * channels;
  padded += top * padded_row + left * channels;
  for (ptrdiff_t y = 0; y < height; y++) {
    memcpy(image + y * row, padded + y * padded_row, (size_t)row * sizeof(float));
  }
}

// Runs are short (a kernel row): whole vectors, the rest of the last one being overwritten by the next run or slack.
TRAINER_INLINE void copy_run(const float *source, float *target, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += 16) *(floats16 *)(target + i) = *(const floats16 *)(source + i);
}

// As above; past the run zeros are added, which changes nothing.
TRAINER_INLINE void add_run(const float *source, float *target, ptrdiff_t count) {
  ptrdiff_t i = 0;
  for (; i + 16 <= count; i += 16) *(floats16 *)(target + i) += *(const floats16 *)(source + i);
  if (i < count) {
    const ints16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ints16 bits = *(const ints16 *)(source + i) & (lanes < (int32_t)(count - i));
    *(floats16 *)(target + i) += (floats16)bits;
  }
}

// `run` elements in one piece: a whole kernel row where all channels are taken and nothing is skipped, else the channels
// of one tap.
TRAINER_INLINE void for_each_run(const trainer_window *w, float *padded, ptrdiff_t first_row, ptrdiff_t rows,
                                 float *patches, ptrdiff_t taps, ptrdiff_t run,
                                 void (*body)(float *image, float *patch, ptrdiff_t count)) {
  for (ptrdiff_t y = first_row; y < first_row + rows; y++) {
    for (ptrdiff_t x = 0; x < w->output_width; x++) {
      for (ptrdiff_t ky = 0; ky < w->kernel_height; ky++) {
        float *row = padded + ((y * w->stride_height + ky * w->dilation_height) * w->width + x * w->stride_width) *
                                  w->channels + w->first_channel;
        for (ptrdiff_t tap = 0; tap < taps; tap++) {
          body(row + tap * w->dilation_width * w->channels, patches, run);
          patches += run;
        }
      }
    }
  }
}

TRAINER_INLINE void gather(float *image, float *patch, ptrdiff_t count) { copy_run(image, patch, count); }
TRAINER_INLINE void scatter(float *image, float *patch, ptrdiff_t count) { add_run(patch, image, count); }

TRAINER_INLINE void dispatch(const trainer_window *w, float *padded, ptrdiff_t first_row, ptrdiff_t rows,
                             float *patches, void (*body)(float *image, float *patch, ptrdiff_t count)) {
  if (w->dilation_width == 1 && w->group_channels == w->channels) {
    ptrdiff_t run = w->kernel_width * w->channels;
    for_each_run(w, padded, first_row, rows, patches, 1, run, body);
  } else {
    for_each_run(w, padded, first_row, rows, patches, w->kernel_width, w->group_channels, body);
  }
}

TRAINER_CLONES void trainer_gather_patches(const trainer_window *window, const float *padded, ptrdiff_t first_row,
                                           ptrdiff_t rows, float *patches) {
  dispatch(window, (float *)padded, first_row, rows, patches, gather);
}

TRAINER_CLONES void trainer_scatter_patches(const trainer_window *window, const float *patches, ptrdiff_t first_row,
                                            ptrdiff_t rows, float *padded) {
  dispatch(window, padded, first_row, rows, (float *)patches, scatter);
}

void trainer_turn_weights(const float *weights, ptrdiff_t outputs, ptrdiff_t taps, ptrdiff_t inputs, float *turned) {
  for (ptrdiff_t tap = taps - 1; tap >= 0; tap--) {
    for (ptrdiff_t output = 0; output < outputs; output++) {
      const float *from = weights + (output * taps + tap) * inputs;
      float *to = turned + (taps - 1 - tap) * outputs + output;
      for (ptrdiff_t input = 0; input < inputs; input++) to[input * taps * outputs] = from[input];
    }
  }
}
