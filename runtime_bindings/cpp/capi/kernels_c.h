#pragma once

// The kernels behind a plain C ABI, with the instruction set and the number of threads as arguments. Every
// function returns nullptr, or a message that says what is wrong with its arguments.

#include <stdint.h>

#define MMOE_API __attribute__((visibility("default")))

extern "C" {

// nullptr if this build and this CPU can run the instruction set called `isa`.
MMOE_API const char* mmoe_check_isa(const char* isa);

// The layout of every array is that of mmoe::MoeFfnArgs (kernels/moe_ffn.h).
MMOE_API const char* mmoe_moe_ffn(const char* isa, int64_t threads, int64_t num_tokens, int64_t hidden_size,
                                  int64_t num_experts, int64_t intermediate_size, int64_t top_k,
                                  int64_t norm_topk_prob, float routed_scaling_factor, const float* x,
                                  const float* router_weight, const float* expert_bias,
                                  const uint8_t* gate_up_weight, const uint16_t* gate_up_scale,
                                  const uint8_t* down_weight, const uint16_t* down_scale, float* out);

// The layout of every array is that of mmoe::MoeFfnInArgs (kernels/moe/moe_ffn_in.h). Scales are float32 if
// float_scales, else float16; the zeros may be nullptr.
MMOE_API const char* mmoe_moe_ffn_in(const char* isa, int64_t threads, int64_t num_tokens,
                                     int64_t hidden_size, int64_t num_experts, int64_t intermediate_size,
                                     int64_t group_size, int64_t top_k, int64_t softmax,
                                     int64_t norm_topk_prob, float sum_eps, float routed_scaling_factor,
                                     int64_t float_scales, const float* x, const float* router_weight,
                                     const float* expert_bias, const uint8_t* gate_up_weight,
                                     const void* gate_up_scale, const uint8_t* gate_up_zero,
                                     const uint8_t* down_weight, const void* down_scale,
                                     const uint8_t* down_zero, float* out);

// The layout of every array is that of mmoe::AttentionArgs (kernels/attention.h) and mmoe::KvCache
// (kernels/kv_cache.h). The cache has cache_rows rows, see mmoe::CheckCacheRows. cache_type is 0 for float32,
// 1 for float16, 2 for int8, which alone has scales.
MMOE_API const char* mmoe_attention(const char* isa, int64_t threads, int64_t num_tokens, int64_t num_heads,
                                    int64_t num_kv_heads, int64_t head_dim, int64_t max_context_len,
                                    int64_t window, int64_t cache_rows, int64_t position, int64_t use_rope,
                                    int64_t use_qk_norm, float qk_norm_eps, float scale, int64_t cache_type,
                                    const float* query, const float* key, const float* value,
                                    const float* rope_cos, const float* rope_sin, void* key_cache,
                                    void* value_cache, float* key_steps, float* value_steps, float* out);

// See kernels/embedding.h; the ids are checked against vocab_size.
MMOE_API const char* mmoe_embedding(int64_t threads, int64_t vocab_size, int64_t hidden_size,
                                    int64_t num_tokens, const uint8_t* qweight, const uint16_t* scale,
                                    const int64_t* ids, float* out);

// The same from panels of a dense linear; see kernels/embedding.h.
MMOE_API const char* mmoe_embedding_panels(int64_t threads, int64_t vocab_size, int64_t hidden_size,
                                           int64_t num_tokens, const uint8_t* weight, const uint16_t* scale,
                                           const int64_t* ids, float* out);

// See kernels/linear.h; one target.
MMOE_API const char* mmoe_linear(const char* isa, int64_t threads, int64_t num_tokens, int64_t inputs,
                                 int64_t outputs, const float* x, const uint8_t* weight,
                                 const uint16_t* scale, float* out);

// See kernels/swiglu_ffn.h.
MMOE_API const char* mmoe_swiglu_ffn(const char* isa, int64_t threads, int64_t num_tokens,
                                     int64_t hidden_size, int64_t width, const float* x,
                                     const uint8_t* gate_up_weight, const uint16_t* gate_up_scale,
                                     const uint8_t* down_weight, const uint16_t* down_scale, float* out);

// One panel by itself: x [tokens, inputs] through weights [inputs / 4, 64] with scales [inputs]. Gives the
// quantised activations [tokens, inputs], their scales [tokens] and the outputs [tokens, 32].
MMOE_API const char* mmoe_project_panel(const char* isa, int64_t tokens, int64_t inputs, const float* x,
                                        const uint8_t* weight, const uint16_t* scale, int8_t* quantized,
                                        float* activation_scales, float* outputs);

// out[i] = silu(gate_up[i]) * gate_up[width + i]; width is a multiple of 16.
MMOE_API const char* mmoe_swiglu(const char* isa, int64_t width, const float* gate_up, float* out);

// For one token: the sigmoid scores [num_experts], and the selection with its weights [top_k].
MMOE_API const char* mmoe_router_topk(const char* isa, int64_t num_experts, int64_t hidden_size,
                                      int64_t top_k, int64_t norm_topk_prob, float routed_scaling_factor,
                                      const float* x, const float* router_weight, const float* expert_bias,
                                      float* scores, int32_t* selected, float* weights);

}  // extern "C"
