#include "core/template/functions.h"

namespace mmoe::jinja {

namespace {

class Function : public Object {
 public:
  Function(const char* name, NativeFunction function) : name_(name), function_(function) {}
  std::string TypeName() const override { return std::string("function ") + name_; }
  Value Call(Runtime& runtime, const Arguments& arguments) override { return function_(runtime, arguments); }

 private:
  const char* name_;
  NativeFunction function_;
};

class BoundFunction : public Object {
 public:
  BoundFunction(const char* name, std::shared_ptr<Object> self, NativeMember member)
      : name_(name), self_(std::move(self)), member_(member) {}
  std::string TypeName() const override { return std::string("function ") + name_; }
  Value Call(Runtime& runtime, const Arguments& arguments) override {
    return member_(runtime, *self_, arguments);
  }
  Extent extent() const override { return ExtentAround({Value::Of(self_)}); }

 private:
  const char* name_;
  std::shared_ptr<Object> self_;
  NativeMember member_;
};

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, Method method) : self_(std::move(self)), method_(method) {}
  std::string TypeName() const override { return "method of " + Describe(self_); }
  Value Call(Runtime& runtime, const Arguments& arguments) override {
    return runtime.Apply(method_, self_, arguments);
  }
  Extent extent() const override { return ExtentAround({self_}); }

 private:
  Value self_;
  Method method_;
};

}  // namespace

Value MakeFunction(const char* name, NativeFunction function) {
  return Value::Of(std::static_pointer_cast<Object>(std::make_shared<Function>(name, function)));
}

Value BindFunction(const char* name, Object* self, NativeMember member) {
  return Value::Of(std::static_pointer_cast<Object>(
      std::make_shared<BoundFunction>(name, self->shared_from_this(), member)));
}

Value BindMethod(const Value& self, Method method) {
  return Value::Of(std::static_pointer_cast<Object>(std::make_shared<BoundMethod>(self, method)));
}

}  // namespace mmoe::jinja
