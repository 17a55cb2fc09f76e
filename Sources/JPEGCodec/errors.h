// What decoder and encoder share: libjpeg's fatal errors become a status, a text and a return.
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

#include "jpeg_codec.h"

typedef struct {
  struct jpeg_error_mgr manager;  // first: libjpeg's pointer to it is our pointer to the whole
  jmp_buf escape;
  jpeg_codec_status status;
  char *message;
} jpeg_errors;

void jpeg_errors_initialize(jpeg_errors *errors, char *message);

// Runs `body(job)` until it returns or libjpeg fails; `errors->status` tells which.
//
// `errors` and `job` belong to the caller, so nothing that changed inside is lost to longjmp.
void jpeg_errors_catch(jpeg_errors *errors, void (*body)(void *), void *job);

// Ends `body` with a failure of our own.
void jpeg_errors_fail(jpeg_errors *errors, jpeg_codec_status status, const char *text) __attribute__((noreturn));
