// The calls as an addon of Node, by which the TypeScript is tested on Linux.

#include <node_api.h>

#include <cstring>
#include <memory>
#include <mutex>

#include "value.h"

namespace mmoe::js {
namespace {

// N-API fails on misuse, and while an exception or the end of the process is pending: there is nothing to go on with.
void Check(napi_env env, napi_status status, const char* what) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_fatal_error(what, NAPI_AUTO_LENGTH, "N-API failed", NAPI_AUTO_LENGTH);
}
#define MMOE_NAPI(call) Check(env, call, #call)

template <typename Number>
napi_value TypedArray(napi_env env, napi_typedarray_type type, const std::vector<Number>& values) {
  void* data = nullptr;
  napi_value buffer = nullptr, array = nullptr;
  MMOE_NAPI(napi_create_arraybuffer(env, values.size() * sizeof(Number), &data, &buffer));
  if (!values.empty()) std::memcpy(data, values.data(), values.size() * sizeof(Number));
  MMOE_NAPI(napi_create_typedarray(env, type, values.size(), buffer, 0, &array));
  return array;
}

struct ToJs {
  napi_env env;

  napi_value operator()(std::monostate) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_get_null(env, &result));
    return result;
  }
  napi_value operator()(bool value) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_get_boolean(env, value, &result));
    return result;
  }
  napi_value operator()(double value) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_create_double(env, value, &result));
    return result;
  }
  napi_value operator()(const std::string& value) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_create_string_utf8(env, value.data(), value.size(), &result));
    return result;
  }
  napi_value operator()(const Ids& value) const { return TypedArray(env, napi_int32_array, value); }
  napi_value operator()(const Bytes& value) const { return TypedArray(env, napi_uint8_array, value); }
  napi_value operator()(const Floats& value) const { return TypedArray(env, napi_float32_array, value); }
  napi_value operator()(const List& value) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_create_array_with_length(env, value.size(), &result));
    for (size_t index = 0; index < value.size(); ++index) {
      MMOE_NAPI(
          napi_set_element(env, result, static_cast<uint32_t>(index), std::visit(*this, value[index].held)));
    }
    return result;
  }
  napi_value operator()(const Record& value) const {
    napi_value result = nullptr;
    MMOE_NAPI(napi_create_object(env, &result));
    for (const auto& [name, member] : value) {
      MMOE_NAPI(napi_set_named_property(env, result, name.c_str(), std::visit(*this, member.held)));
    }
    return result;
  }
};

Value FromJs(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  MMOE_NAPI(napi_typeof(env, value, &type));
  if (type == napi_boolean) {
    bool result = false;
    MMOE_NAPI(napi_get_value_bool(env, value, &result));
    return result;
  }
  if (type == napi_number) {
    double result = 0;
    MMOE_NAPI(napi_get_value_double(env, value, &result));
    return result;
  }
  if (type == napi_string) {
    size_t bytes = 0;
    MMOE_NAPI(napi_get_value_string_utf8(env, value, nullptr, 0, &bytes));
    std::string result(bytes, '\0');
    // It writes a NUL behind the text, for which a std::string has room.
    MMOE_NAPI(napi_get_value_string_utf8(env, value, result.data(), bytes + 1, &bytes));
    return result;
  }
  bool is_typed = false, is_array = false;
  MMOE_NAPI(napi_is_typedarray(env, value, &is_typed));
  MMOE_NAPI(napi_is_array(env, value, &is_array));
  if (is_typed) {
    napi_typedarray_type kind = napi_int8_array;
    size_t count = 0;
    void* data = nullptr;
    MMOE_NAPI(napi_get_typedarray_info(env, value, &kind, &count, &data, nullptr, nullptr));
    if (kind == napi_int32_array) {
      const auto* numbers = static_cast<const int32_t*>(data);
      return count == 0 ? Ids() : Ids(numbers, numbers + count);
    }
    if (kind == napi_float32_array) {
      const auto* numbers = static_cast<const float*>(data);
      return count == 0 ? Floats() : Floats(numbers, numbers + count);
    }
  } else if (is_array) {
    uint32_t count = 0;
    MMOE_NAPI(napi_get_array_length(env, value, &count));
    List result;
    for (uint32_t index = 0; index < count; ++index) {
      napi_value member = nullptr;
      MMOE_NAPI(napi_get_element(env, value, index, &member));
      result.push_back(FromJs(env, member));
    }
    return result;
  }
  return {};
}

// A call on one of libuv's threads, its promise, and what it tells meanwhile.
struct Job {
  const Call* call = nullptr;
  List arguments;
  Value result;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;
  napi_ref listener = nullptr;
  napi_threadsafe_function wake = nullptr;
  std::mutex mutex;
  List told;  // guarded by mutex
};

// Hands what a call has told to its listener, in the order in which it was told.
void Deliver(napi_env env, Job& job) {
  List told;
  {
    const std::lock_guard<std::mutex> lock(job.mutex);
    told.swap(job.told);
  }
  for (const Value& each : told) {
    napi_value listener = nullptr, nothing = nullptr, ignored = nullptr;
    MMOE_NAPI(napi_get_reference_value(env, job.listener, &listener));
    MMOE_NAPI(napi_get_undefined(env, &nothing));
    napi_value argument = std::visit(ToJs{env}, each.held);
    if (napi_call_function(env, nothing, listener, 1, &argument, &ignored) == napi_pending_exception) {
      // Nobody waits for a listener: what it throws ends the process, as in any callback of Node.
      napi_value thrown = nullptr;
      MMOE_NAPI(napi_get_and_clear_last_exception(env, &thrown));
      MMOE_NAPI(napi_fatal_exception(env, thrown));
      return;
    }
  }
}

void Execute(napi_env, void* data) {
  Job& job = *static_cast<Job*>(data);
  Notify notify;
  if (job.wake != nullptr) {
    notify = [&job](Value value) {
      {
        const std::lock_guard<std::mutex> lock(job.mutex);
        job.told.push_back(std::move(value));
      }
      napi_call_threadsafe_function(job.wake, nullptr, napi_tsfn_nonblocking);
    };
  }
  job.result = Run(*job.call, std::move(job.arguments), notify);
}

void Complete(napi_env env, napi_status, void* data) {
  Job* job = static_cast<Job*>(data);
  // What it told last may still be on its way: it comes before the result.
  if (job->listener != nullptr) Deliver(env, *job);
  MMOE_NAPI(napi_resolve_deferred(env, job->deferred, std::visit(ToJs{env}, job->result.held)));
  MMOE_NAPI(napi_delete_async_work(env, job->work));
  if (job->wake == nullptr) {
    delete job;
    return;
  }
  // Wakes that are still queued find the job until the function's own end, which deletes it.
  MMOE_NAPI(napi_release_threadsafe_function(job->wake, napi_tsfn_release));
}

napi_value Start(napi_env env, const Call& call, List arguments, napi_value listener) {
  auto* job = new Job;
  job->call = &call;
  job->arguments = std::move(arguments);
  napi_value promise = nullptr, name = nullptr;
  MMOE_NAPI(napi_create_promise(env, &job->deferred, &promise));
  MMOE_NAPI(napi_create_string_utf8(env, call.name, NAPI_AUTO_LENGTH, &name));
  if (listener != nullptr) {
    MMOE_NAPI(napi_create_reference(env, listener, 1, &job->listener));
    const auto wake = [](napi_env woken, napi_value, void* context, void*) {
      if (woken != nullptr) Deliver(woken, *static_cast<Job*>(context));
    };
    const auto end = [](napi_env ending, void* data, void*) {
      Job* ended = static_cast<Job*>(data);
      napi_delete_reference(ending, ended->listener);
      delete ended;
    };
    MMOE_NAPI(
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, job, end, job, wake, &job->wake));
  }
  MMOE_NAPI(napi_create_async_work(env, nullptr, name, Execute, Complete, job, &job->work));
  MMOE_NAPI(napi_queue_async_work(env, job->work));
  return promise;
}

napi_value Invoke(napi_env env, napi_callback_info info) {
  constexpr size_t kMost = 12;
  napi_value given[kMost];
  size_t count = kMost;
  void* data = nullptr;
  MMOE_NAPI(napi_get_cb_info(env, info, &count, given, nullptr, &data));
  const Call& call = *static_cast<const Call*>(data);
  List arguments;
  napi_value listener = nullptr;
  for (size_t index = 0; index < count && index < kMost; ++index) {
    napi_valuetype type = napi_undefined;
    MMOE_NAPI(napi_typeof(env, given[index], &type));
    if (type == napi_function) {
      listener = given[index];
    } else {
      arguments.push_back(FromJs(env, given[index]));
    }
  }
  if (call.computes) return Start(env, call, std::move(arguments), listener);
  return std::visit(ToJs{env}, Run(call, std::move(arguments), nullptr).held);
}

}  // namespace
}  // namespace mmoe::js

NAPI_MODULE_INIT() {
  using mmoe::js::Call;
  // For the life of the process: functions point into it.
  static const std::vector<Call> calls = mmoe::js::Calls();
  for (const Call& call : calls) {
    napi_value function = nullptr;
    mmoe::js::Check(env,
                    napi_create_function(env, call.name, NAPI_AUTO_LENGTH, mmoe::js::Invoke,
                                         const_cast<Call*>(&call), &function),
                    call.name);
    mmoe::js::Check(env, napi_set_named_property(env, exports, call.name, function), call.name);
  }
  return exports;
}
