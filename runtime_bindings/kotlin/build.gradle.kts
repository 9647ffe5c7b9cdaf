// The binding as an Android library: org.mmoe, libmmoe and libmmoe_jni. The versions come from the including build.
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

val executorch = providers.gradleProperty("mmoe.executorch").orNull
    ?: throw GradleException("set mmoe.executorch in gradle.properties, see android_app/README.md")

android {
    namespace = "org.mmoe"
    compileSdk = 36
    ndkVersion = "28.2.13676358"

    defaultConfig {
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += "arm64-v8a" }
        externalNativeBuild {
            cmake {
                targets += listOf("mmoe", "mmoe_jni")
                arguments += listOf(
                    "-DMMOE_EXECUTORCH_ROOT=$executorch",
                    "-DANDROID_STL=c++_shared",
                    "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON",
                    // The kernels are the app's speed in its debug variant, too.
                    "-DCMAKE_BUILD_TYPE=Release",
                )
            }
        }
    }

    externalNativeBuild {
        cmake {
            path = file("CMakeLists.txt")
            version = "3.31.6"
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    jvmToolchain(17)
    explicitApi()
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
    testImplementation(kotlin("test-junit"))
}
