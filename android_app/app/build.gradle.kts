plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.mmoe.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.mmoe.app"
        minSdk = 28
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    // The benchmark's text beside src/main/assets; the checkpoint beside it stays out.
    sourceSets["main"].assets.srcDir("../../export/demo")
    androidResources { ignoreAssetsPattern = "<dir>checkpoint" }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation(project(":mmoe"))
    testImplementation(kotlin("test-junit"))
}
