import i18next from "i18next";
import { Component, type ReactNode } from "react";
import { Notice } from "../ui/Notice";

/** Says so where the page has a fault of its own, in place of an empty screen. */
export class Fallback extends Component<{ children: ReactNode }, { faulty: boolean }> {
  override state = { faulty: false };

  static getDerivedStateFromError(): { faulty: boolean } {
    return { faulty: true };
  }

  override render(): ReactNode {
    if (!this.state.faulty) {
      return this.props.children;
    }
    return (
      <main className="page">
        <Notice tone="bad" urgent>
          <p>{i18next.t("faulty")}</p>
          <button type="button" className="button" onClick={() => location.reload()}>
            {i18next.t("reload")}
          </button>
        </Notice>
      </main>
    );
  }
}
