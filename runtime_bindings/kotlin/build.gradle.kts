// The binding as an Android library: org.mmoe, libmmoe and libmmoe_jni. The versions come from the including build.
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
    `maven-publish`
}

// Where build-executorch put ExecuTorch: a folder with an install prefix for each ABI. Without it the project syncs, and
// Kotlin compiles; only a task that needs the native library fails, and says what to do.
val executorch = providers.gradleProperty("mmoe.executorch").orNull
val abis = listOf("arm64-v8a", "x86_64")
val built = if (executorch == null) emptyList() else abis.filter { file("$executorch/$it/lib/cmake/ExecuTorch").isDirectory }

group = "org.mmoe"
version = "0.1.0"

android {
    namespace = "org.mmoe"
    compileSdk = 36
    ndkVersion = "28.2.13676358"

    defaultConfig {
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
        if (built.isNotEmpty()) {
            ndk { abiFilters += built }
            externalNativeBuild {
                cmake {
                    targets += listOf("mmoe", "mmoe_jni")
                    arguments += listOf(
                        "-DMMOE_EXECUTORCH_PREFIX=$executorch",
                        "-DANDROID_STL=c++_shared",
                        "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON",
                        // The kernels are the app's speed in its debug variant, too.
                        "-DCMAKE_BUILD_TYPE=Release",
                    )
                }
            }
        }
    }

    if (built.isNotEmpty()) {
        externalNativeBuild {
            cmake {
                path = file("CMakeLists.txt")
                version = "3.31.6"
            }
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin {
    jvmToolchain(17)
    explicitApi()
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
    testImplementation(kotlin("test-junit"))
}

// An AAR or an app without its library would be found out on the phone only.
tasks.configureEach {
    if (name.matches(Regex("merge.*JniLibFolders"))) {
        doFirst {
            if (built.isEmpty()) {
                throw GradleException(
                    "no ExecuTorch for Android: run runtime_bindings/kotlin/build-executorch NDK FOLDER, and set " +
                        "mmoe.executorch=FOLDER in ~/.gradle/gradle.properties",
                )
            }
        }
    }
}

// ./gradlew :mmoe:publishToMavenLocal: org.mmoe:mmoe-android:0.1.0
publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "mmoe-android"
            afterEvaluate { from(components["release"]) }
            pom {
                name = "mmoe-android"
                description = "Runs Mixture-of-Experts artifacts of mmoe-export on Android"
                licenses {
                    license {
                        name = "BSD-3-Clause"
                        url = "https://opensource.org/license/bsd-3-clause"
                    }
                }
            }
        }
    }
}
