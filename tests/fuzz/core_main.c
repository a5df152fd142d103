/* Feeds bytes to the native reader in memory that ends exactly where its caller's does. The first byte chooses the grammar.
   `knowledge.h` is written by build_core.py: starts and patterns of known events as compiled.py hands them over. */
#include "internal.h"

#include "knowledge.h"
#include <stdlib.h>

static void require(int holds) {
  if (!holds) abort();
}

static void check_texts(const Block *block, const Texts *texts, int repeat) {
  int64_t total = 0, held = texts->count;
  for (int64_t code = 0; code < held; code++) {
    require(texts->start[code] >= 0 && texts->length[code] >= 0 && texts->start[code] + texts->length[code] <= block->size);
    total += texts->length[code];
  }
  for (int64_t row = 0; repeat && row < block->records; row++) require(texts->codes[row] >= -1 && texts->codes[row] < held);
  for (int64_t at = 0; !repeat && at < held; at++) require(texts->codes[at] > (at ? texts->codes[at - 1] : -1) && texts->codes[at] < block->records);
  int32_t *offset = malloc((size_t)(held + 1) * sizeof(int32_t));
  uint8_t *out = malloc((size_t)total + 1);
  dfly_gather(block->data, texts->start, texts->length, held, offset, out);
  require(offset[held] == total);
  free(offset);
  free(out);
}

/* Rows and ranges ascend, stay within the block, and together hold every line once. */
static void check_block(const Block *block, int64_t most) {
  require(block->records >= 0 && block->records < most && block->fallbacks >= 0 && block->fallbacks < most);
  int64_t before = -1, taken = 0;
  for (int64_t row = 0; row < block->records; row++) {
    require(block->line[row] > before && block->line[row] < block->lines);
    before = block->line[row];
    require(block->raw_start[row] >= 0 && block->raw_start[row] + block->raw_length[row] <= block->size);
    require(block->message_offset[row] <= block->message_offset[row + 1]);
    require(block->start[row] >= -1 && block->start[row] < (int16_t)block->start_count);
    require(block->time_ns[row] > 0 && block->level[row] >= TRACE && block->level[row] <= FATAL);
    require(block->piece_number[row] >= -1 && block->size_bytes[row] >= -1 && block->piece_bytes[row] >= -1);
    taken++;
  }
  require(block->message_offset[block->records] <= block->size + 8);
  int64_t end = 0;
  for (int64_t part = 0; part < block->fallbacks; part++) {
    require(block->fallback_start[part] >= end && block->fallback_end[part] > block->fallback_start[part]);
    end = block->fallback_end[part];
    const uint8_t *from = block->data + block->fallback_start[part];
    int64_t size = end - block->fallback_start[part];
    require(block->fallback_start[part] == 0 || from[-1] == '\n');
    taken += dfly_count_lines(from, size) + (from[size - 1] != '\n');
  }
  require(end <= block->size && taken == block->lines);
  for (int column = 0; column < TEXTS; column++) check_texts(block, &block->texts[column], column < FIRST_UNIQUE);
}

static void *room(int64_t count, size_t width) { return malloc((size_t)count * width); }

static void read_all(const uint8_t *data, int64_t size, int64_t zap) {
  int64_t most = dfly_count_lines(data, size) + 1;
  Block block = {
      .data = data, .size = size, .start_count = START_COUNT, .start_data = START_DATA, .start_offset = START_OFFSET,
      .start_index = START_INDEX, .pattern = PATTERN, .patterns = {(const Step *)STEPS, SETS, LITERALS},
      .line = room(most, 4), .time_ns = room(most, 8), .level = room(most, 1), .raw_start = room(most, 8),
      .raw_length = room(most, 4), .message_offset = room(most + 1, 4), .message_data = room(size + 8, 1),
      .piece_number = room(most, 8), .size_bytes = room(most, 8), .piece_bytes = room(most, 8), .start = room(most, 2),
      .event = room(most, 1), .fallback_start = room(most, 8), .fallback_end = room(most, 8), .fallback_line = room(most, 4), .fallback_time_ns = room(most, 8),
  };
  for (int column = 0; column < TEXTS; column++) block.texts[column] = (Texts){room(most, 4), room(most, 8), room(most, 4), 0};
  require(dfly_read_block(&block, zap) == 1);
  check_block(&block, most + 1);
  void *all[] = {block.line, block.time_ns, block.level, block.raw_start, block.raw_length, block.message_offset, block.message_data,
                 block.piece_number, block.size_bytes, block.piece_bytes, block.start, block.event, block.fallback_start, block.fallback_end, block.fallback_line, block.fallback_time_ns};
  for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) free(all[i]);
  for (int column = 0; column < TEXTS; column++) {
    free(block.texts[column].codes);
    free(block.texts[column].start);
    free(block.texts[column].length);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  uint8_t *own = malloc(size - 1 + (size == 1)); /* the end of the block is the end of its memory */
  memcpy(own, data + 1, size - 1);
  read_all(own, (int64_t)size - 1, *data & 1);
  free(own);
  return 0;
}

#ifdef DFLY_REPLAY /* without libFuzzer: replays files, as a whole, cut short, and with bytes changed, by both grammars */
#include <stdio.h>

enum { VARIANTS = 16 };

static void replay(const uint8_t *data, size_t size) {
  for (uint8_t grammar = 0; grammar < 2; grammar++) {
    uint8_t *own = malloc(size + 1);
    for (size_t variant = 0; variant <= VARIANTS; variant++) {
      size_t taken = size * variant / VARIANTS;
      own[0] = grammar;
      memcpy(own + 1, data, size);
      LLVMFuzzerTestOneInput(own, taken + 1);
      if (size == 0) break;
      own[1 + (taken * 31 + variant * 7) % size] = (uint8_t) "\n \"\\:=@{}\xff"[variant % 10];
      LLVMFuzzerTestOneInput(own, size + 1);
    }
    free(own);
  }
}

int main(int count, char **paths) {
  if (count == 2 && strcmp(paths[1], "--overrun") == 0) { /* must be seen by the sanitizer */
    uint8_t *data = malloc(4);
    memset(data, '\n', 4);
    return (int)dfly_count_lines(data, 5);
  }
  for (int i = 1; i < count; i++) {
    FILE *file = fopen(paths[i], "rb");
    require(file != NULL && fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    require(fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    replay(data, (size_t)size);
    free(data);
  }
  printf("%d files\n", count - 1);
  return 0;
}
#endif
