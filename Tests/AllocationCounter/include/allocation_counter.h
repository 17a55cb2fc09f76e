// Counts what a thread allocates. Linked into the tests, it takes the place of libc's malloc family.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Whether allocations of the calling thread are counted from now on.
void allocation_counter_watch(bool watched);

// Allocations of all watched threads so far.
size_t allocation_counter_count(void);
