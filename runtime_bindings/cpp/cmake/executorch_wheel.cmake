# Finds the C++ SDK inside the installed executorch wheel, or in the unpacked one that MMOE_EXECUTORCH_ROOT names
# (another platform's, for a cross-build). Defines
#   mmoe_executorch_headers            include directories and compile definitions
#   MMOE_EXECUTORCH_OPS_LIBRARIES      what an operator library links
#   MMOE_EXECUTORCH_PROGRAM_LIBRARIES  what a program that runs a model links
#   MMOE_EXECUTORCH_VERSION            of the SDK
#   MMOE_EXECUTORCH_RPATH              install rpath for targets in mmoe/runtime_bindings/{lib,bin}

if(NOT MMOE_EXECUTORCH_ROOT)
  set(Python3_FIND_STRATEGY LOCATION)  # the first on PATH, not the newest
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u; print(next(iter(u.find_spec('executorch').submodule_search_locations)))"
    OUTPUT_VARIABLE MMOE_EXECUTORCH_ROOT
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE status
    ERROR_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "the Python package executorch is not installed for ${Python3_EXECUTABLE}: "
                        "pip install executorch==1.5.1, or pass -DPython3_EXECUTABLE=...")
  endif()
endif()
set(executorch_DIR ${MMOE_EXECUTORCH_ROOT}/share/cmake)
find_package(executorch CONFIG REQUIRED)
foreach(component runtime threadpool kernels_optimized backend_xnnpack)
  if(NOT TARGET executorch::${component})
    message(FATAL_ERROR "the executorch wheel at ${MMOE_EXECUTORCH_ROOT} has no C++ ${component}: it must be 1.5.1")
  endif()
endforeach()

add_library(mmoe_executorch_headers INTERFACE)
target_include_directories(mmoe_executorch_headers SYSTEM INTERFACE
  $<TARGET_PROPERTY:executorch::runtime,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_definitions(mmoe_executorch_headers INTERFACE
  $<TARGET_PROPERTY:executorch::runtime,INTERFACE_COMPILE_DEFINITIONS>)

# Files, not targets: the targets would bake the build machine's absolute path into the RUNPATH.
set(MMOE_EXECUTORCH_OPS_LIBRARIES
  $<TARGET_FILE:executorch::threadpool> $<TARGET_FILE:executorch::runtime>)
# Kernels and delegate register themselves at load: nothing refers to them, so they must be kept by force.
set(MMOE_EXECUTORCH_PROGRAM_LIBRARIES
  -Wl,--push-state,--no-as-needed
  $<TARGET_FILE:executorch::kernels_optimized> $<TARGET_FILE:executorch::backend_xnnpack>
  -Wl,--pop-state
  ${MMOE_EXECUTORCH_OPS_LIBRARIES})

set(MMOE_EXECUTORCH_RPATH "$ORIGIN/../../../executorch/lib")
if(NOT SKBUILD)
  # A developer's build is installed into the source tree, far from the wheel.
  list(APPEND MMOE_EXECUTORCH_RPATH "${MMOE_EXECUTORCH_ROOT}/lib")
endif()

# Beside the package in both an installed and an unpacked wheel.
file(GLOB dist_info "${MMOE_EXECUTORCH_ROOT}/../executorch-*.dist-info")
list(GET dist_info 0 dist_info)
string(REGEX MATCH "executorch-([0-9]+\\.[0-9]+\\.[0-9]+)" match "${dist_info}")
set(MMOE_EXECUTORCH_VERSION ${CMAKE_MATCH_1})
