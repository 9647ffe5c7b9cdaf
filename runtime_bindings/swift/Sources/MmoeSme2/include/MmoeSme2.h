// Nothing is public: the C ABI is CMmoe's.
