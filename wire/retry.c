#include "wire/retry.h"

#define IMDS_RETRIES 3 /* 1 s, 2 s, 4 s: MIC/Http/Retry/ImdsRetryPolicy.cs, ExponentialRetryStrategy.cs */
#define IMDS_FIRST_MS 1000
#define GONE_RETRIES 7 /* 410: the service is updating, up to 70 s (same file) */
#define GONE_MS 10000
#define TOKEN_RETRIES 1 /* MIC/Http/Retry/DefaultRetryPolicy.cs */
#define TOKEN_MS 1000

static bool is_timeout(enum kg_status status, int http_status) {
  return http_status == 0 && status == KG_E_TIMEOUT;
}

static bool is_server_error(int http_status) {
  return http_status >= 500 && http_status <= 599;
}

/* HttpRetryConditions.cs; a 404 may be an agent that is still starting, but to a probe it is the answer. */
static bool imds_may_retry(enum kg_leg leg, enum kg_status status, int http_status) {
  if (is_timeout(status, http_status) || is_server_error(http_status)) return true;
  if (http_status == 404) return leg != KG_LEG_PROBE;
  return http_status == 408 || http_status == 410 || http_status == 429;
}

/* HttpRetryConditions.cs: a usable Retry-After is the caller's business, not ours to wait out or to ignore. */
static bool token_may_retry(enum kg_status status, int http_status, int64_t retry_after_s) {
  return (is_timeout(status, http_status) || is_server_error(http_status)) && retry_after_s < 0;
}

/* The first failing answer fixes count and kind of wait, as in GO/imdsv2_retry.go: a 410 among 503s does not start a
 * minute of patience, and a 503 at the end of an update does not cut it short. */
static void pin(struct kg_retry *retry, enum kg_leg leg, int http_status) {
  if (leg == KG_LEG_TOKEN) {
    retry->limit = TOKEN_RETRIES;
    retry->fixed_ms = TOKEN_MS;
  } else if (http_status == 410) {
    retry->limit = GONE_RETRIES;
    retry->fixed_ms = GONE_MS;
  } else {
    retry->limit = IMDS_RETRIES;
  }
}

/* splitmix64, so that machines that started together drift apart. */
static int64_t jitter(struct kg_retry *retry, int64_t delay_ms) {
  if (retry->seed == 0) return 0;
  retry->seed += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = retry->seed;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  return (int64_t)(z % ((uint64_t)delay_ms / 10 + 1));
}

bool kg_retry_next(struct kg_retry *retry, enum kg_leg leg, enum kg_status status, int http_status,
                   int64_t retry_after_s, int64_t *delay_ms) {
  bool may = leg == KG_LEG_TOKEN ? token_may_retry(status, http_status, retry_after_s)
                                 : imds_may_retry(leg, status, http_status);
  if (!may) return false;
  if (retry->failures == 0) pin(retry, leg, http_status);
  if (retry->failures >= retry->limit) return false;
  *delay_ms = retry->fixed_ms ? retry->fixed_ms : (int64_t)IMDS_FIRST_MS << retry->failures;
  *delay_ms += jitter(retry, *delay_ms);
  /* MSAL ignores Retry-After on these legs; but the limit is counted per machine (Azure/aad-pod-identity issue on
   * throttling), so a longer wait that is asked for is given. A shorter one is not taken. */
  if (leg != KG_LEG_TOKEN && http_status == 429 && retry_after_s * 1000 > *delay_ms) *delay_ms = retry_after_s * 1000;
  retry->failures++;
  return true;
}
