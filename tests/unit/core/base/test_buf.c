#include "core/base/buf.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

/* The linker leads buf.c's calls here (--wrap): while a test counts, what is asked for and whether it comes back wiped.
 */
static bool counts, fails;
static size_t allocations, allocated, unwiped;
static struct {
  unsigned char *data;
  size_t size;
} storage[64];

void *__real_malloc(size_t size);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void __wrap_free(void *data);

void *__wrap_malloc(size_t size) {
  if (fails) return NULL;
  void *data = __real_malloc(size);
  if (!counts || data == NULL) return data;
  memset(data, 0xA5, size); /* so that what is never written is not zero by chance */
  if (allocations < COUNT(storage)) {
    storage[allocations].data = data;
    storage[allocations].size = size;
  }
  allocations++;
  allocated += size;
  return data;
}

void __wrap_free(void *data) {
  for (size_t i = 0; counts && data != NULL && i < allocations && i < COUNT(storage); i++) {
    if (storage[i].data != data) continue;
    for (size_t at = 0; at < storage[i].size; at++)
      if (storage[i].data[at]) unwiped++;
    storage[i].data = NULL;
  }
  __real_free(data);
}

static void start_counting(void) {
  allocations = allocated = unwiped = 0;
  counts = true;
}

static void empty_buffer_is_clean_and_clears_twice(void **state) {
  (void)state;
  struct kg_buf buf = {0};
  kg_buf_clear(&buf);
  kg_buf_clear(&buf);
  kg_buf_clear(NULL);
  assert_null(buf.data);
  assert_int_equal(kg_buf_span(&buf).len, 0);
}

static void set_copies_and_ends_with_nul(void **state) {
  char text[] = "abc";
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_set(&buf, kg_span_text(text)), KG_OK);
  text[0] = 'x';
  assert_int_equal(buf.len, 3);
  assert_memory_equal(buf.data, "abc", 4);
  assert_int_equal(kg_buf_set(&buf, kg_span_of(NULL, 0)), KG_OK);
  assert_int_equal(buf.len, 0);
  assert_memory_equal(buf.data, "", 1);
  kg_buf_clear(&buf);
}

static void set_and_append_take_a_part_of_themselves(void **state) {
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_set(&buf, kg_span_text("abcdef")), KG_OK);
  assert_int_equal(kg_buf_append(&buf, kg_span_of(buf.data + 2, 2)), KG_OK);
  assert_string_equal((char *)buf.data, "abcdefcd");
  assert_int_equal(kg_buf_set(&buf, kg_span_of(buf.data + 4, 3)), KG_OK);
  assert_string_equal((char *)buf.data, "efc");
  kg_buf_clear(&buf);
}

static void append_takes_a_part_of_itself_where_it_grows_and_where_it_fits(void **state) {
  char expected[4096] = "abc";
  size_t length = 3;
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_append(&buf, kg_span_text("abc")), KG_OK);
  for (size_t take = 1; length + 3 < sizeof expected; take = take % 3 + 1) {
    assert_int_equal(kg_buf_append(&buf, kg_span_of(buf.data + length - 1 - take, take)), KG_OK);
    memmove(expected + length, expected + length - 1 - take, take);
    length += take;
    assert_int_equal(buf.len, length);
    assert_memory_equal(buf.data, expected, length + 1);
    assert_true(buf.size > buf.len);
  }
  assert_int_equal(kg_buf_append(&buf, kg_span_of(buf.data, buf.len)), KG_OK); /* all of itself */
  assert_int_equal(buf.len, 2 * length);
  assert_memory_equal(buf.data, expected, length);
  assert_memory_equal(buf.data + length, expected, length + 1);
  kg_buf_clear(&buf);
}

static void many_small_pieces_cost_few_allocations(void **state) {
  static unsigned char piece[4096];
  const size_t total = (size_t)10 * 1024 * 1024;
  (void)state;
  memset(piece, 0x5A, sizeof piece);
  struct kg_buf buf = {0};
  start_counting();
  enum kg_status status = KG_OK;
  while (status == KG_OK && buf.len < total)
    status = kg_buf_append(&buf, kg_span_of(piece, sizeof piece));
  bool whole = buf.len == total && buf.data[0] == 0x5A && buf.data[total - 1] == 0x5A && buf.data[total] == '\0';
  kg_buf_clear(&buf);
  counts = false;
  assert_int_equal(status, KG_OK);
  assert_true(whole);
  assert_true(allocations <= 13); /* 4 KiB, doubled to more than 10 MiB */
  assert_true(allocated <= 4 * total);
  assert_int_equal(unwiped, 0);
}

static void storage_is_wiped_whole_before_it_is_freed(void **state) {
  (void)state;
  struct kg_buf buf = {0};
  start_counting();
  enum kg_status status = kg_buf_append(&buf, kg_span_text("a secret")); /* two that are given up while it grows */
  if (status == KG_OK) status = kg_buf_append(&buf, kg_span_text("another secret"));
  if (status == KG_OK) status = kg_buf_append(&buf, kg_span_text("."));
  if (status == KG_OK) status = kg_buf_set(&buf, kg_span_text("a third secret"));
  if (status == KG_OK) status = kg_buf_append(&buf, kg_span_text(", shortened by whoever holds it"));
  buf.len = 1;
  if (status == KG_OK) status = kg_buf_resize(&buf, 2);
  kg_buf_clear(&buf);
  counts = false;
  assert_int_equal(status, KG_OK);
  assert_true(allocations >= 4);
  assert_int_equal(unwiped, 0);
}

static void no_memory_keeps_the_contents(void **state) {
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_append(&buf, kg_span_text("abc")), KG_OK);
  assert_int_equal(kg_buf_append(&buf, kg_span_text("d")), KG_OK);
  fails = true;
  size_t room = buf.size - buf.len - 1;
  enum kg_status set = kg_buf_set(&buf, kg_span_text("x"));
  enum kg_status fitting = kg_buf_append(&buf, kg_span_of("efghijkl", room));
  enum kg_status growing = kg_buf_append(&buf, kg_span_text("!"));
  fails = false;
  assert_int_equal(set, KG_E_NO_MEMORY);
  assert_int_equal(room, 3);
  assert_int_equal(fitting, KG_OK);
  assert_int_equal(growing, KG_E_NO_MEMORY);
  assert_string_equal((char *)buf.data, "abcdefg");
  kg_buf_clear(&buf);
}

static void impossible_sizes_keep_the_contents(void **state) {
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_set(&buf, kg_span_text("abc")), KG_OK);
  assert_int_equal(kg_buf_append(&buf, kg_span_of("x", SIZE_MAX - 2)), KG_E_NO_MEMORY);
  assert_int_equal(kg_buf_append(&buf, kg_span_of("x", SIZE_MAX - 3)), KG_E_NO_MEMORY);
  assert_int_equal(kg_buf_append(&buf, kg_span_of("x", SIZE_MAX)), KG_E_NO_MEMORY);
  assert_int_equal(kg_buf_set(&buf, kg_span_of("x", SIZE_MAX)), KG_E_NO_MEMORY);
  assert_int_equal(kg_buf_resize(&buf, SIZE_MAX), KG_E_NO_MEMORY);
  assert_string_equal((char *)buf.data, "abc");
  kg_buf_clear(&buf);
}

static void resize_gives_zeroes(void **state) {
  static const unsigned char zeroes[101];
  (void)state;
  struct kg_buf buf = {0};
  assert_int_equal(kg_buf_set(&buf, kg_span_text("abc")), KG_OK);
  assert_int_equal(kg_buf_resize(&buf, 100), KG_OK);
  assert_int_equal(buf.len, 100);
  assert_memory_equal(buf.data, zeroes, 101);
  kg_buf_clear(&buf);
}

static void spans_are_equal_by_bytes_and_length(void **state) {
  (void)state;
  assert_true(kg_span_equal(kg_span_text("ab"), kg_span_of("abc", 2)));
  assert_false(kg_span_equal(kg_span_text("ab"), kg_span_text("abc")));
  assert_false(kg_span_equal(kg_span_text("ab"), kg_span_text("ac")));
  assert_true(kg_span_equal(kg_span_of(NULL, 0), kg_span_text("")));
  assert_true(kg_span_equal(kg_span_text(NULL), kg_span_of("x", 0)));
}

static void wipe_leaves_zeroes(void **state) {
  char secret[] = "secret";
  static const char zeroes[sizeof secret];
  (void)state;
  kg_wipe(secret, sizeof secret);
  assert_memory_equal(secret, zeroes, sizeof secret);
  kg_wipe(NULL, 5);
  kg_wipe(secret, 0);
}

static void strdup_takes_null(void **state) {
  char *copy = kg_strdup("text");
  (void)state;
  assert_null(kg_strdup(NULL));
  assert_string_equal(copy, "text");
  free(copy);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/buf/empty_buffer_is_clean_and_clears_twice", empty_buffer_is_clean_and_clears_twice),
      CASE("/buf/set_copies_and_ends_with_nul", set_copies_and_ends_with_nul),
      CASE("/buf/set_and_append_take_a_part_of_themselves", set_and_append_take_a_part_of_themselves),
      CASE("/buf/append_takes_a_part_of_itself_where_it_grows_and_where_it_fits",
           append_takes_a_part_of_itself_where_it_grows_and_where_it_fits),
      CASE("/buf/many_small_pieces_cost_few_allocations", many_small_pieces_cost_few_allocations),
      CASE("/buf/storage_is_wiped_whole_before_it_is_freed", storage_is_wiped_whole_before_it_is_freed),
      CASE("/buf/no_memory_keeps_the_contents", no_memory_keeps_the_contents),
      CASE("/buf/impossible_sizes_keep_the_contents", impossible_sizes_keep_the_contents),
      CASE("/buf/resize_gives_zeroes", resize_gives_zeroes),
      CASE("/buf/spans_are_equal_by_bytes_and_length", spans_are_equal_by_bytes_and_length),
      CASE("/buf/wipe_leaves_zeroes", wipe_leaves_zeroes),
      CASE("/buf/strdup_takes_null", strdup_takes_null),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
