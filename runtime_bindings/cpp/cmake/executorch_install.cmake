# Finds ExecuTorch in the prefix MMOE_EXECUTORCH_ROOT that its own source build installed: static libraries, for platforms
# without a wheel, such as Android. Defines what executorch_wheel.cmake does, and
#   MMOE_EXECUTORCH_STATIC   one library only may contain the runtime: a second copy would have a registry of its own

find_package(executorch CONFIG REQUIRED PATHS ${MMOE_EXECUTORCH_ROOT}/lib/cmake/ExecuTorch NO_DEFAULT_PATH
             NO_CMAKE_FIND_ROOT_PATH)
set(MMOE_EXECUTORCH_STATIC ON)
set(MMOE_EXECUTORCH_OPS_LIBRARIES extension_threadpool executorch executorch_core)
# The targets of kernels and delegate carry the linker's --whole-archive themselves.
set(MMOE_EXECUTORCH_PROGRAM_LIBRARIES
  optimized_native_cpu_ops_lib xnnpack_backend extension_module_static extension_data_loader extension_flat_tensor
  extension_named_data_map extension_tensor ${MMOE_EXECUTORCH_OPS_LIBRARIES})
foreach(library ${MMOE_EXECUTORCH_PROGRAM_LIBRARIES})
  if(NOT TARGET ${library})
    message(FATAL_ERROR "the ExecuTorch at ${MMOE_EXECUTORCH_ROOT} was built without ${library}: "
                        "android_app/README.md lists the options")
  endif()
endforeach()

add_library(mmoe_executorch_headers INTERFACE)
target_include_directories(mmoe_executorch_headers SYSTEM INTERFACE
  ${MMOE_EXECUTORCH_ROOT}/include ${MMOE_EXECUTORCH_ROOT}/include/executorch/runtime/core/portable_type/c10)
target_compile_definitions(mmoe_executorch_headers INTERFACE C10_USING_CUSTOM_GENERATED_MACROS)

file(STRINGS ${MMOE_EXECUTORCH_ROOT}/include/executorch/runtime/core/version.h version_lines REGEX "define ET_VERSION ")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" MMOE_EXECUTORCH_VERSION "${version_lines}")
set(MMOE_EXECUTORCH_RPATH "")
