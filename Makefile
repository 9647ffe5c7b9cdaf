# One word for everything a developer does daily; see HACKING.md.

PYTHON ?= python3
BUILD ?= build/native
PACKAGES = mmoe
CPP = $(shell git ls-files 'runtime_bindings/*.cpp' 'runtime_bindings/*.h')

.PHONY: dev page native native-test sanitize core-sanitize core-thread-sanitize conformance emulated-x86 fuzz mutants kernel-bench arm sme2 test full-size lint format demo ci slow

dev:  ## editable install with every tool; run again when a Python module is added
	$(PYTHON) -m pip install 'scikit-build-core>=1.1,<2' 'cmake>=3.28' ninja 'executorch==1.5.1'
	$(PYTHON) -m pip install --no-build-isolation -e '.[dev]'

native:  ## build the kernels into the source tree, in seconds
	cmake -S runtime_bindings/cpp -B $(BUILD) -G Ninja -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)
	cmake --install $(BUILD) --prefix runtime_bindings

native-test:  ## unit tests of the kernels, without Python
	cmake -S runtime_bindings/cpp -B $(BUILD)-test -G Ninja -DMMOE_BUILD_TESTS=ON -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-test
	ctest --test-dir $(BUILD)-test --output-on-failure

SANITIZERS ?= address,undefined

sanitize:  ## the same with address and undefined-behaviour sanitizers
	cmake -S runtime_bindings/cpp -B $(BUILD)-sanitize -G Ninja -DMMOE_BUILD_TESTS=ON \
	  -DMMOE_SANITIZE=$(SANITIZERS) -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-sanitize --target mmoe_unit_tests
	ctest --test-dir $(BUILD)-sanitize --output-on-failure

BENCHMARKS ?= stages linears moe attention

kernel-bench:  ## speed of the kernels against what the machine can do (Debian: libbenchmark-dev); MMOE_ISA, MMOE_BENCHMARK_THREADS
	cmake -S runtime_bindings/cpp -B $(BUILD)-benchmark -G Ninja -DMMOE_BUILD_BENCHMARKS=ON \
	  -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-benchmark --target $(BENCHMARKS:%=mmoe_%_benchmark)
	for name in $(BENCHMARKS); do $(BUILD)-benchmark/benchmarks/mmoe_$${name}_benchmark || exit 1; done

ARTIFACT ?= mmoe-demo

core-sanitize:  ## sessions of ARTIFACT on many threads, 1,000 of them, under the same sanitizers and the leak detector
	cmake -S runtime_bindings/cpp -B $(BUILD)-sanitize -G Ninja -DMMOE_BUILD_TESTS=ON \
	  -DMMOE_SANITIZE=$(SANITIZERS) -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-sanitize --target mmoe_core_tests
	MMOE_TEST_ARTIFACT=$(ARTIFACT) $(BUILD)-sanitize/tests/mmoe_core_tests --gtest_brief=1

core-thread-sanitize:  ## the same sessions of ARTIFACT, the thread pool's tests and those of workers with different tables, under the thread sanitizer
	cmake -S runtime_bindings/cpp -B $(BUILD)-thread-sanitize -G Ninja -DMMOE_BUILD_TESTS=ON \
	  -DMMOE_SANITIZE=thread -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-thread-sanitize --target mmoe_core_tests mmoe_kernel_tests
	TSAN_OPTIONS=halt_on_error=1 $(BUILD)-thread-sanitize/tests/mmoe_kernel_tests --gtest_brief=1 --gtest_filter='TaskPool.*:*MixedWorkers.*'
	MMOE_TEST_ARTIFACT=$(ARTIFACT) \
	  TSAN_OPTIONS=halt_on_error=1 \
	  $(BUILD)-thread-sanitize/tests/mmoe_core_tests --gtest_brief=1

conformance:  ## the scenarios of tests/conformance through the C interface; ARTIFACT is `demo`, converted
	cmake -S runtime_bindings/cpp -B $(BUILD)-test -G Ninja -DMMOE_BUILD_TESTS=ON -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-test --target mmoe_conformance_tests
	rm -rf $(BUILD)-test/variants && $(PYTHON) -m tests.conformance.variants $(ARTIFACT) $(BUILD)-test/variants
	MMOE_TEST_ARTIFACT=$(ARTIFACT) MMOE_TEST_SCENARIOS=tests/conformance MMOE_TEST_VARIANTS=$(BUILD)-test/variants \
	  $(BUILD)-test/tests/mmoe_conformance_tests --gtest_brief=1

emulated-x86:  ## tokens of ARTIFACT (`demo`, converted) with AVX-512 and AVX-VNNI, emulated, as in native-test
	cmake -S runtime_bindings/cpp -B $(BUILD)-test -G Ninja -DMMOE_BUILD_TESTS=ON -DPython3_EXECUTABLE=$$(command -v $(PYTHON))
	cmake --build $(BUILD)-test --target mmoe_avx512_vnni_conformance_tests mmoe_avx_vnni_conformance_tests
	for set in avx512_vnni avx_vnni; do \
	  MMOE_ISA=$$set MMOE_TEST_ARTIFACT=$(ARTIFACT) MMOE_TEST_SCENARIOS=tests/conformance \
	    $(BUILD)-test/tests/mmoe_$${set}_conformance_tests --gtest_brief=1 \
	    --gtest_filter='*/the_model_ends_its_text:*/without_a_prompt_it_goes_on_from_the_context' || exit 1; \
	done

fuzz:  ## what opening ARTIFACT reads, damaged in every way that libFuzzer thinks of
	PYTHON=$(PYTHON) runtime_bindings/cpp/fuzz/run $(ARTIFACT)

mutants:  ## programs of ARTIFACT with fields of their flatbuffer changed, opened and run under the same sanitizers
	PYTHON=$(PYTHON) runtime_bindings/cpp/fuzz/run_mutants $(ARTIFACT)

arm:  ## 64-bit Arm under qemu: native tests, and the tokens of ARTIFACT (`make demo` leaves mmoe-demo)
	PYTHON=$(PYTHON) BUILD=build/arm .ci/arm $(ARTIFACT)
	PYTHON=$(PYTHON) BUILD=build/arm .ci/arm --sanitizers

sme2:  ## SME2 under a newer qemu: the same with streaming vectors of four lengths
	PYTHON=$(PYTHON) BUILD=build/arm .ci/sme2 $(ARTIFACT)

test:  ## everything that pytest runs
	$(PYTHON) -m pytest

full-size:  ## every backend and option at size S: ten conversions, an hour on two cores, 8 GB of memory, 6 GB of disk
	$(PYTHON) -m pytest tests/full_size -n 0 -v --durations 0

page:  ## the server's page in Chromium (Debian: chromium; PyPI: playwright)
	$(PYTHON) -m pytest tests/page -n 0 -q

lint:  ## ruff, mypy, import-linter, clang-format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(addprefix -p ,$(PACKAGES))
	$(PYTHON) -m mypy -p benchmarks
	lint-imports --no-cache
	@clang-format --dry-run --Werror $(CPP)

format:  ## rewrite what lint complains about where a tool can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	@clang-format -i $(CPP)

demo:  ## convert, verify and run the bundled checkpoint
	mmoe-export demo --overwrite

ci:  ## what continuous integration runs
	.ci/run

slow:  ## what .ci/run leaves out, for a night and before a release
	.ci/slow
