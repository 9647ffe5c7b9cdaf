package android.os;

import android.Stub;
import org.jetbrains.annotations.NotNull;

public class Build {
    // Not constants of the compiler: each device has its own.
    public static final String HARDWARE = value();
    public static final String MANUFACTURER = value();
    public static final String MODEL = value();
    public static final @NotNull String SOC_MODEL = value();

    private static String value() { throw new Stub(); }

    public static class VERSION {
        public static final String RELEASE = value();
        public static final int SDK_INT = value().length();
    }

    public static class VERSION_CODES {
        public static final int S = 31;
    }
}
