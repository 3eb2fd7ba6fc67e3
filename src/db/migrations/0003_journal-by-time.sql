PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_decrypt_journal` (
	`session_id` text NOT NULL,
	`hash` text NOT NULL,
	`wa_message_id` text NOT NULL,
	`entry_sealed` blob NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `created_at`, `hash`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
INSERT INTO `__new_decrypt_journal`("session_id", "hash", "wa_message_id", "entry_sealed", "created_at") SELECT "session_id", "hash", "wa_message_id", "entry_sealed", "created_at" FROM `decrypt_journal`;--> statement-breakpoint
DROP TABLE `decrypt_journal`;--> statement-breakpoint
ALTER TABLE `__new_decrypt_journal` RENAME TO `decrypt_journal`;--> statement-breakpoint
PRAGMA foreign_keys=ON;