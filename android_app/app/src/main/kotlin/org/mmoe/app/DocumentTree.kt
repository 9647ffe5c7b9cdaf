package org.mmoe.app

import android.content.ContentResolver
import android.net.Uri
import android.provider.DocumentsContract
import android.provider.DocumentsContract.Document
import java.io.FileNotFoundException

/** A folder that the user picked, through whatever app provides it. */
class DocumentTree(private val resolver: ContentResolver, private val tree: Uri) : ArtifactSource {
    private val treeId = DocumentsContract.getTreeDocumentId(tree)

    override val name: String by lazy {
        rows(DocumentsContract.buildDocumentUriUsingTree(tree, treeId)).firstOrNull()?.name ?: "artifact"
    }

    override fun files(): List<SourceFile> =
        rows(DocumentsContract.buildChildDocumentsUriUsingTree(tree, treeId))
            .filter { it.type != Document.MIME_TYPE_DIR }
            .map { row ->
                val uri = DocumentsContract.buildDocumentUriUsingTree(tree, row.id)
                SourceFile(row.name, row.bytes) {
                    resolver.openInputStream(uri) ?: throw FileNotFoundException("${row.name} cannot be opened")
                }
            }

    private class Row(val id: String, val name: String, val type: String, val bytes: Long)

    private fun rows(uri: Uri): List<Row> {
        val columns = arrayOf(
            Document.COLUMN_DOCUMENT_ID,
            Document.COLUMN_DISPLAY_NAME,
            Document.COLUMN_MIME_TYPE,
            Document.COLUMN_SIZE,
        )
        return resolver.query(uri, columns, null, null, null)?.use { cursor ->
            buildList {
                while (cursor.moveToNext()) {
                    add(Row(cursor.getString(0), cursor.getString(1), cursor.getString(2), cursor.getLong(3)))
                }
            }
        }.orEmpty()
    }
}
