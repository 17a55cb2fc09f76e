#ifndef EDGERUN_NO_JPEG

#include "errors.h"

#include <jerror.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  jpeg_errors errors;
  struct jpeg_compress_struct info;
  struct jpeg_destination_mgr destination;
  const uint8_t *pixels;
  uint32_t width;
  uint32_t height;
  int channels;
  int quality;
  bool progressive;
  uint8_t *bytes;
  size_t capacity;
} encoding;

// libjpeg's buffer is the tail of ours, so that a full one is grown and nothing is copied at the end.
static void grow(encoding *job, size_t used) {
  size_t capacity = job->capacity == 0 ? 1 << 16 : job->capacity * 2;
  uint8_t *bytes = realloc(job->bytes, capacity);
  if (bytes == NULL) jpeg_errors_fail(&job->errors, JPEG_CODEC_NO_MEMORY, "out of memory");
  job->bytes = bytes;
  job->capacity = capacity;
  job->destination.next_output_byte = bytes + used;
  job->destination.free_in_buffer = capacity - used;
}

static void start_output(j_compress_ptr info) { grow(info->client_data, 0); }

static boolean grow_output(j_compress_ptr info) {
  encoding *job = info->client_data;
  grow(job, job->capacity);
  return TRUE;
}

static void end_output(j_compress_ptr info) { (void)info; }

static void encode(void *context) {
  encoding *job = context;
  j_compress_ptr info = &job->info;
  jpeg_create_compress(info);
  info->client_data = job;
  job->destination = (struct jpeg_destination_mgr){
      .init_destination = start_output,
      .empty_output_buffer = grow_output,
      .term_destination = end_output,
  };
  info->dest = &job->destination;
  info->image_width = job->width;
  info->image_height = job->height;
  info->input_components = job->channels;
  info->in_color_space = job->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, job->quality, TRUE);
  info->dct_method = JDCT_ISLOW;
  info->optimize_coding = TRUE;
  if (job->progressive) jpeg_simple_progression(info);
  jpeg_start_compress(info, TRUE);
  size_t stride = (size_t)job->width * (size_t)job->channels;
  while (info->next_scanline < info->image_height) {
    JSAMPROW row = (JSAMPROW)(job->pixels + info->next_scanline * stride);
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
}

jpeg_codec_status jpeg_codec_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality,
                                    bool progressive, uint8_t **bytes, size_t *count,
                                    char message[JPEG_CODEC_MESSAGE_SIZE]) {
  encoding job;
  memset(&job, 0, sizeof job);
  jpeg_errors_initialize(&job.errors, message);
  job.info.err = &job.errors.manager;
  job.pixels = pixels;
  job.width = width;
  job.height = height;
  job.channels = channels;
  job.quality = quality;
  job.progressive = progressive;
  jpeg_errors_catch(&job.errors, encode, &job);
  jpeg_destroy_compress(&job.info);
  if (job.errors.status != JPEG_CODEC_OK) {
    free(job.bytes);
    return job.errors.status;
  }
  *bytes = job.bytes;
  *count = job.capacity - job.destination.free_in_buffer;
  return JPEG_CODEC_OK;
}

void jpeg_codec_free(uint8_t *bytes) { free(bytes); }

#endif
