/*
 * Little-endian integers in bytes, wherever they lie.
 */
#ifndef KV_BASE_LITTLE_H
#define KV_BASE_LITTLE_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t kv_le16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

static inline uint32_t kv_le32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t kv_le64(const uint8_t *at) {
  return (uint64_t)kv_le32(at) | (uint64_t)kv_le32(at + 4) << 32;
}

/* Writes the low `size` bytes of `value`. */
static inline void kv_put_le(uint8_t *at, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(value >> 8 * i);
}

#endif
