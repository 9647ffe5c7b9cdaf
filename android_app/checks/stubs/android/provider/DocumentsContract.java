package android.provider;

import android.Stub;
import android.net.Uri;

public final class DocumentsContract {
    public static Uri buildChildDocumentsUriUsingTree(Uri treeUri, String parentDocumentId) { throw new Stub(); }
    public static Uri buildDocumentUriUsingTree(Uri treeUri, String documentId) { throw new Stub(); }
    public static String getTreeDocumentId(Uri documentUri) { throw new Stub(); }

    public static final class Document {
        public static final String COLUMN_DISPLAY_NAME = "_display_name";
        public static final String COLUMN_DOCUMENT_ID = "document_id";
        public static final String COLUMN_MIME_TYPE = "mime_type";
        public static final String COLUMN_SIZE = "_size";
        public static final String MIME_TYPE_DIR = "vnd.android.document/directory";
    }
}
