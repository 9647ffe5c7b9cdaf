#include "jsi_module.h"

#include <cstring>
#include <thread>

#include "value.h"

namespace mmoe::js {
namespace {

namespace jsi = facebook::jsi;
using Invoker = std::shared_ptr<facebook::react::CallInvoker>;

// Memory that an ArrayBuffer owns.
template <typename Number>
class Buffer : public jsi::MutableBuffer {
 public:
  explicit Buffer(std::vector<Number> values) : values_(std::move(values)) {}
  size_t size() const override { return values_.size() * sizeof(Number); }
  uint8_t* data() override { return reinterpret_cast<uint8_t*>(values_.data()); }

 private:
  std::vector<Number> values_;
};

template <typename Number>
jsi::Value TypedArray(jsi::Runtime& runtime, const char* kind, const std::vector<Number>& values) {
  jsi::ArrayBuffer buffer(runtime, std::make_shared<Buffer<Number>>(values));
  return runtime.global().getPropertyAsFunction(runtime, kind).callAsConstructor(runtime, std::move(buffer));
}

struct ToJs {
  jsi::Runtime& runtime;

  jsi::Value operator()(std::monostate) const { return jsi::Value::null(); }
  jsi::Value operator()(bool value) const { return jsi::Value(value); }
  jsi::Value operator()(double value) const { return jsi::Value(value); }
  jsi::Value operator()(const std::string& value) const {
    return jsi::String::createFromUtf8(runtime, reinterpret_cast<const uint8_t*>(value.data()), value.size());
  }
  jsi::Value operator()(const Ids& value) const { return TypedArray(runtime, "Int32Array", value); }
  jsi::Value operator()(const Bytes& value) const { return TypedArray(runtime, "Uint8Array", value); }
  jsi::Value operator()(const Floats& value) const { return TypedArray(runtime, "Float32Array", value); }
  jsi::Value operator()(const List& value) const {
    jsi::Array result(runtime, value.size());
    for (size_t index = 0; index < value.size(); ++index) {
      result.setValueAtIndex(runtime, index, std::visit(*this, value[index].held));
    }
    return result;
  }
  jsi::Value operator()(const Record& value) const {
    jsi::Object result(runtime);
    for (const auto& [name, member] : value) {
      result.setProperty(runtime, name.c_str(), std::visit(*this, member.held));
    }
    return result;
  }
};

bool Is(jsi::Runtime& runtime, const jsi::Object& object, const char* kind) {
  return object.instanceOf(runtime, runtime.global().getPropertyAsFunction(runtime, kind));
}

template <typename Number>
std::vector<Number> Numbers(jsi::Runtime& runtime, const jsi::Object& array) {
  jsi::ArrayBuffer buffer = array.getPropertyAsObject(runtime, "buffer").getArrayBuffer(runtime);
  const auto offset = static_cast<size_t>(array.getProperty(runtime, "byteOffset").asNumber());
  std::vector<Number> result(static_cast<size_t>(array.getProperty(runtime, "length").asNumber()));
  if (!result.empty()) {
    std::memcpy(result.data(), buffer.data(runtime) + offset, result.size() * sizeof(Number));
  }
  return result;
}

Value FromJs(jsi::Runtime& runtime, const jsi::Value& value) {
  if (value.isBool()) return value.getBool();
  if (value.isNumber()) return value.getNumber();
  if (value.isString()) return value.getString(runtime).utf8(runtime);
  if (!value.isObject()) return {};
  const jsi::Object object = value.getObject(runtime);
  if (object.isArray(runtime)) {
    const jsi::Array array = object.getArray(runtime);
    List result;
    for (size_t index = 0; index < array.size(runtime); ++index) {
      result.push_back(FromJs(runtime, array.getValueAtIndex(runtime, index)));
    }
    return result;
  }
  if (Is(runtime, object, "Int32Array")) return Numbers<int32_t>(runtime, object);
  if (Is(runtime, object, "Float32Array")) return Numbers<float>(runtime, object);
  return {};
}

// Functions of JavaScript that a call on another thread leads to. Only the thread of JavaScript calls and frees them: what
// holds the last share is always a task for that thread.
struct Listeners {
  std::shared_ptr<jsi::Function> resolve, progress;
};

void Start(const Invoker& invoker, const Call& call, List arguments, std::shared_ptr<Listeners> listeners) {
  std::thread([invoker, &call, arguments = std::move(arguments), listeners = std::move(listeners)]() mutable {
    Notify notify;
    if (listeners->progress) {
      notify = [&](Value told) {
        invoker->invokeAsync([progress = listeners->progress, told = std::move(told)](jsi::Runtime& runtime) {
          progress->call(runtime, std::visit(ToJs{runtime}, told.held));
        });
      };
    }
    Value result = Run(call, std::move(arguments), notify);
    invoker->invokeAsync(
        [listeners = std::move(listeners), result = std::move(result)](jsi::Runtime& runtime) {
          listeners->resolve->call(runtime, std::visit(ToJs{runtime}, result.held));
        });
  }).detach();
}

jsi::Value Promise(jsi::Runtime& runtime, const Invoker& invoker, const Call& call, List arguments,
                   std::shared_ptr<jsi::Function> progress) {
  auto executor = jsi::Function::createFromHostFunction(
      runtime, jsi::PropNameID::forAscii(runtime, call.name), 2,
      [invoker, &call, arguments = std::move(arguments), progress = std::move(progress)](
          jsi::Runtime& inside, const jsi::Value&, const jsi::Value* given, size_t) mutable -> jsi::Value {
        auto listeners = std::make_shared<Listeners>();
        listeners->resolve = std::make_shared<jsi::Function>(given[0].asObject(inside).asFunction(inside));
        listeners->progress = std::move(progress);
        Start(invoker, call, std::move(arguments), std::move(listeners));
        return jsi::Value::undefined();
      });
  return runtime.global()
      .getPropertyAsFunction(runtime, "Promise")
      .callAsConstructor(runtime, std::move(executor));
}

jsi::Function ToFunction(jsi::Runtime& runtime, const Invoker& invoker, const Call& call) {
  return jsi::Function::createFromHostFunction(
      runtime, jsi::PropNameID::forAscii(runtime, call.name), 0,
      [invoker, &call](jsi::Runtime& inside, const jsi::Value&, const jsi::Value* given,
                       size_t count) -> jsi::Value {
        List arguments;
        std::shared_ptr<jsi::Function> progress;
        for (size_t index = 0; index < count; ++index) {
          const bool listens = given[index].isObject() && given[index].getObject(inside).isFunction(inside);
          if (listens) {
            progress = std::make_shared<jsi::Function>(given[index].getObject(inside).getFunction(inside));
          } else {
            arguments.push_back(FromJs(inside, given[index]));
          }
        }
        if (call.computes) return Promise(inside, invoker, call, std::move(arguments), std::move(progress));
        return std::visit(ToJs{inside}, Run(call, std::move(arguments), nullptr).held);
      });
}

}  // namespace

void Install(jsi::Runtime& runtime, Invoker invoker) {
  // For the life of the process: functions point into it.
  static const std::vector<Call> calls = Calls();
  jsi::Object module(runtime);
  for (const Call& call : calls) module.setProperty(runtime, call.name, ToFunction(runtime, invoker, call));
  runtime.global().setProperty(runtime, "mmoeNative", std::move(module));
}

}  // namespace mmoe::js
