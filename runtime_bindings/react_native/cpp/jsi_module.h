// The calls in React Native: `globalThis.mmoeNative`, which src/native.ts looks for.
#pragma once

#include <ReactCommon/CallInvoker.h>
#include <jsi/jsi.h>

#include <memory>

namespace mmoe::js {

// To be called once, on the thread of JavaScript, by whatever native module an app registers. `invoker` brings results
// of other threads back to it.
void Install(facebook::jsi::Runtime& runtime, std::shared_ptr<facebook::react::CallInvoker> invoker);

}  // namespace mmoe::js
