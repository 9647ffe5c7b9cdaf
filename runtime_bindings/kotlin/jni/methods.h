// The native methods of org.mmoe.Native, one table for each part of the C ABI.

#pragma once

#include <jni.h>

#include <vector>

namespace mmoe::jni {

std::vector<JNINativeMethod> LibraryMethods();
std::vector<JNINativeMethod> ModelMethods();
std::vector<JNINativeMethod> SessionMethods();

// One row: the table's types are not const, and its functions are void pointers.
template <class Function>
JNINativeMethod Method(const char* name, const char* signature, Function* function) {
  return {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)};
}

}  // namespace mmoe::jni
