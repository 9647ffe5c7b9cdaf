package android;

public class Stub extends RuntimeException {
    private static final long serialVersionUID = 1;
}
